import { runtime } from "../shared/runtime.ts";
import { sequenceChanges } from "../shared/transactions/sequenceChanges.ts";
import { registerFollower } from "../shared/triggers/registerFollower.ts";

// Gives every event its number in the sequenced feed. One that was given up would be a gap that no reader could know of.
registerFollower({
  name: "sequenceChanges",
  pollMilliseconds: 500,
  itemsPerCall: 500,
  follow: async (items) => {
    await sequenceChanges(runtime().sequencer, items);
  },
});

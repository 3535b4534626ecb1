import { runtime } from "../shared/runtime.ts";
import { feedLagSeconds } from "../shared/telemetry/feedLag.ts";
import { sequenceChanges } from "../shared/transactions/sequenceChanges.ts";
import { registerFollower } from "../shared/triggers/registerFollower.ts";

// Gives every event its number in the sequenced feed. One that was given up would be a gap that no reader could know of.
registerFollower({
  name: "sequenceChanges",
  pollMilliseconds: 500,
  itemsPerCall: 500,
  follow: async (items, context) => {
    const { sequencer, telemetry, milliseconds } = runtime();
    // Before the work, so that a batch that comes again and again is seen to.
    const lag = feedLagSeconds(items, milliseconds());
    if (lag !== undefined) {
      telemetry.measure("strata.feed.lag", lag, (line) => {
        context.log(line);
      });
    }
    await sequenceChanges(sequencer, items);
  },
});

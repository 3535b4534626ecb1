import { runtime } from "../shared/runtime.ts";
import { refreshCopies } from "../shared/transactions/refreshCopies.ts";
import { registerFollower } from "../shared/triggers/registerFollower.ts";

// Series and instances carry copies of their parents' attributes, so that every search is one query. When a parent's
// change, the copies follow from here, and whatever a store that was cut short left old.
registerFollower({
  name: "refreshCopies",
  pollMilliseconds: 1_000,
  itemsPerCall: 100,
  follow: async (items) => {
    await refreshCopies(runtime().index, items);
  },
});

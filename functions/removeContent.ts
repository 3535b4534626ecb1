import { runtime } from "../shared/runtime.ts";
import { removeContent } from "../shared/transactions/removeContent.ts";
import { registerFollower } from "../shared/triggers/registerFollower.ts";

// A delete is answered once the index has forgotten the instance; its bytes go here.
registerFollower({
  name: "removeContent",
  pollMilliseconds: 1_000,
  itemsPerCall: 100,
  follow: async (items) => {
    await removeContent(runtime().content, items);
  },
});

import { app } from "@azure/functions";
import { runtime } from "../shared/runtime.ts";

// Every five minutes: an event that is set aside stays so until somebody looks at it, and nobody would.
app.timer("measureDeadLetters", {
  schedule: "0 */5 * * * *",
  handler: async (_, context) => {
    const { sequencer, telemetry } = runtime();
    telemetry.measure("strata.feed.dead_letters", await sequencer.deadLetters.count(), (line) => {
      context.log(line);
    });
  },
});

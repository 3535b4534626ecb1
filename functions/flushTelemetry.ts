import { app } from "@azure/functions";
import { runtime } from "../shared/runtime.ts";

// What is waiting to be sent to the collector goes with the process, or not at all.
app.hook.appTerminate(async () => {
  await runtime().telemetry.flush();
});

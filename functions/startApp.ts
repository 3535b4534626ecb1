import { app } from "@azure/functions";
import { requireSettings } from "../shared/runtime.ts";

// An app that could not work with its settings does not start: its host says which one it is, instead of each caller
// meeting an error of its own.
app.hook.appStart(() => {
  requireSettings();
});

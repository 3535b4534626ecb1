import { jsonAnswer } from "../shared/http/jsonAnswers.ts";
import { registerRest } from "../shared/http/registerHttp.ts";
import { capabilitiesOfService } from "../shared/openapi/capabilities.ts";
import { runtime } from "../shared/runtime.ts";

// Its name is the last of all, because the host takes the first route that matches, in alphabetical order.
registerRest("zAnswerUnmatched", runtime, () =>
  jsonAnswer(200, capabilitiesOfService(), { Allow: "OPTIONS" }),
);

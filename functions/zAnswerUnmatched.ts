import { registerRest } from "../shared/http/registerHttp.ts";
import { runtime } from "../shared/runtime.ts";

// Its name is the last of all, because the host takes the first route that matches, in alphabetical order.
registerRest("zAnswerUnmatched", runtime);

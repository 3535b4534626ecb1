import { registerPartitioned } from "../shared/http/registerHttp.ts";
import { runtime } from "../shared/runtime.ts";

registerPartitioned("answerInPartition", runtime);

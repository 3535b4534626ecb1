import type { Conditions } from "../dicomweb/range.ts";
import type { DicomwebRequest } from "./dicomwebRequest.ts";

/** What a request says about the bytes that it wants and those that it has (RFC 9110 §13.1, §14.2). */
export function conditionsOf(request: DicomwebRequest): Conditions {
  const [range] = request.header("range");
  const [ifRange] = request.header("if-range");
  return { ifNoneMatch: request.header("if-none-match"), range, ifRange };
}

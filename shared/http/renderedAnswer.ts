import type { RenderedRepresentation } from "../dicomweb/renderedMediaType.ts";
import type { Answer } from "./answer.ts";
import { objectsAnswer, type AnswerObject } from "./dicomwebAnswers.ts";

/** What is answered with: objects, in the way that was chosen for them. */
interface RenderedObjects extends RenderedRepresentation {
  readonly objects: AsyncIterable<AnswerObject>;
}

// What strangers wrote into a file is shown, and can do nothing else: no script, no form, no request, no origin.
const harmless: Readonly<Record<string, string>> = {
  "Content-Security-Policy": "default-src 'none'; sandbox",
};

/**
 * Answers with what was rendered. `hasUnknownAnnotations`: some of the annotations that were asked for are none; the answer
 * says so (PS3.18 §8.3.5.1.1).
 */
export async function renderedAnswer(
  rendered: RenderedObjects,
  serviceURL: string,
  hasUnknownAnnotations: boolean,
): Promise<Answer> {
  const answer = await objectsAnswer(rendered, serviceURL);
  const headers: Record<string, string> = { ...answer.headers };
  if (hasUnknownAnnotations) {
    const { host } = new URL(serviceURL);
    headers["Warning"] = `299 ${host}: "Some of the values of annotation are not supported."`;
  }
  if (!rendered.mediaType.startsWith("image/")) {
    Object.assign(headers, harmless);
  }
  if (rendered.form === "single" && rendered.mediaType.startsWith("text/")) {
    headers["Content-Type"] = `${rendered.mediaType}; charset=utf-8`;
  }
  if (rendered.mediaType === "application/pdf") {
    headers["Content-Disposition"] = 'inline; filename="document.pdf"';
  }
  return { ...answer, headers };
}

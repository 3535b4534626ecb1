/**
 * Whether an If-None-Match header names the entity tag of what is there now, so that the answer is 304.
 *
 * `entityTag` is the opaque tag without quotation marks. Read are lists, weak tags, which compare alike here, and `*`
 * (RFC 9110 §13.1.2), and also the bare tag that clients of the Azure DICOM service send back as they got it. A header
 * that cannot be read matches nothing.
 */
export function matchesIfNoneMatch(header: string | undefined, entityTag: string): boolean {
  if (header === undefined) {
    return false;
  }
  const trimmed = header.trim();
  if (trimmed === "*" || trimmed === entityTag) {
    return true;
  }
  // A comma may be part of a quoted tag.
  for (const [, quoted, bare] of trimmed.matchAll(/(?:W\/)?"([^"]*)"|([^\s,"]+)/g)) {
    if ((quoted ?? bare) === entityTag) {
      return true;
    }
  }
  return false;
}

/**
 * Whether the If-None-Match headers of a request name the entity tag of what is there now, so that the answer is 304.
 *
 * `entityTag` is the opaque tag without quotation marks. Read are lists, weak tags, which compare alike here, and `*`
 * (RFC 9110 §13.1.2), and also the bare tag that clients of the Azure DICOM service send back as they got it. A header
 * that cannot be read matches nothing.
 */
export function matchesIfNoneMatch(headerValues: readonly string[], entityTag: string): boolean {
  const header = headerValues.join(", ");
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

/**
 * Whether a Range header counts: there is no If-Range, or it names the strong entity tag of what is there now (RFC 9110
 * §13.1.5). A date never does, because answers have no Last-Modified.
 */
export function matchesIfRange(header: string | undefined, entityTag: string): boolean {
  const trimmed = header?.trim();
  return trimmed === undefined || trimmed === `"${entityTag}"` || trimmed === entityTag;
}

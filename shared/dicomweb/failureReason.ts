/**
 * Why an instance was not stored: values of FailureReason (0008,1197), PS3.18 Table I.2-2.
 *
 * Three of them mean here what they mean in the Azure DICOM service, whose clients act on them.
 */
export const failureReason = {
  /** PS3.18 Table I.2-2: a general failure in processing the operation was encountered. */
  processingFailure: 0x0110,
  /** PS3.18 Table I.2-2: the requester is not authorized to store the instance. */
  notAuthorized: 0x0124,
  /**
   * Azure DICOM service: the instance failed validation, could not be read, or is not of the study in the path. A900 is
   * "Data Set does not match SOP Class (Error)" in PS3.18 Table I.2-2.
   */
  validationFailed: 0xa900,
  /** Azure DICOM service: there already is an instance with these UIDs. Not in the table of the standard. */
  alreadyStored: 0xb00e,
  /** Azure DICOM service: an instance with these UIDs is being stored right now. Not in the table of the standard. */
  beingStored: 0xb00f,
} as const;

/** One of the values of {@link failureReason}. */
export type FailureReason = (typeof failureReason)[keyof typeof failureReason];

/** What to know about an instance that was stored: values of WarningReason (0008,1196), PS3.18 Table I.2-1. */
export const warningReason = {
  /** PS3.18 Table I.2-1: the data set does not match the SOP Class. The Azure DICOM service says so of implicit VR. */
  dataSetDoesNotMatchSOPClass: 0xb007,
  /** Azure DICOM service, v2 only: some attributes have values that are not valid. Not in the table of the standard. */
  invalidAttributes: 0x0001,
} as const;

/** One of the values of {@link warningReason}. */
export type WarningReason = (typeof warningReason)[keyof typeof warningReason];

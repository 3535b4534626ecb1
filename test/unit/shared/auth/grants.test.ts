import { describe, expect, test } from "vitest";
import { appRoles, grantsOf } from "../../../../shared/auth/grants.ts";
import { parseSmartScope } from "../../../../shared/auth/smartScope.ts";
import type { TenantIssuer } from "../../../../shared/tenancy/tenant.ts";

const issuer: TenantIssuer = {
  issuer: "https://issuer.example/",
  jwksUri: "https://issuer.example/jwks",
  audiences: ["strata"],
};
const scoped: TenantIssuer = { ...issuer, scopesAllowed: true };

function actionsOf(
  known: TenantIssuer,
  claims: Readonly<Record<string, unknown>>,
): string[] | undefined {
  const grants = grantsOf(known, claims);
  return grants && [...grants.actions].toSorted();
}

describe("roles", () => {
  test.each([
    ["DICOM Data Owner", ["delete", "export", "feed", "manageExtendedQueryTags", "read", "write"]],
    ["DICOM Data Reader", ["feed", "read"]],
    ["Strata Data Writer", ["write"]],
    ["Strata Feed Reader", ["feed"]],
    ["Strata Tenant Admin", ["tenant.admin"]],
    ["Strata Platform Admin", []],
    ["dicom data owner", []],
    ["__proto__", []],
    ["constructor", []],
  ])("%s grants %j", (role, expected) => {
    expect(actionsOf(issuer, { roles: [role] })).toEqual(expected);
    expect(actionsOf(issuer, { roles: role })).toEqual(expected);
  });

  test("several add up, and what is no role grants nothing", () => {
    expect(actionsOf(issuer, { roles: ["Strata Feed Reader", "Strata Data Writer", "x"] })).toEqual(
      ["feed", "write"],
    );
    for (const roles of [
      undefined,
      null,
      1,
      {},
      [1],
      [["DICOM Data Owner"]],
      { 0: "DICOM Data Owner" },
    ]) {
      expect(actionsOf(issuer, { roles })).toEqual([]);
    }
  });

  test("an issuer's own roles are found where its settings say, beside those of the service", () => {
    const own: TenantIssuer = {
      ...issuer,
      rolesClaim: "realm_access.roles",
      roles: { radiologist: ["read"], archive: ["write", "delete"] },
    };
    const claims = {
      realm_access: { roles: ["radiologist", "Strata Tenant Admin"] },
      roles: ["archive"],
    };
    expect(actionsOf(own, claims)).toEqual(["feed", "read", "tenant.admin"]);
    expect(actionsOf(own, { "realm_access.roles": ["archive"] })).toEqual(["delete", "write"]);
  });

  test("every role of the service grants only what a tenant may have", () => {
    expect(Object.values(appRoles).flat()).not.toContain("platform.admin");
  });
});

describe("scopes", () => {
  test.each([
    ["dicom.read", ["feed", "read"]],
    ["dicom.read dicom.write", ["feed", "read", "write"]],
    ["https://dicom.example/dicom.delete", ["delete"]],
    ["dicom.tenant.admin", ["tenant.admin"]],
    ["dicom.platform.admin", []],
    ["dicom.everything", []],
    ["openid profile", []],
    ["user/ImagingStudy.rs", ["feed", "read"]],
    ["user/ImagingStudy.cruds", ["delete", "feed", "read", "write"]],
    ["system/*.cud", ["delete", "write"]],
    ["system/*.read", ["feed", "read"]],
    ["user/ImagingStudy.write", ["delete", "write"]],
    ["user/*.*", ["delete", "feed", "read", "write"]],
    ["user/ImagingStudy.r", []],
    ["user/ImagingStudy.c", []],
    ["user/ImagingStudy.sr", []],
    ["user/ImagingStudy.rs?modality=CT", []],
    ["user/Patient.cruds", []],
  ])("%s grants %j where scopes count", (scope, expected) => {
    expect(actionsOf(scoped, { scope })).toEqual(expected);
    expect(actionsOf(scoped, { scp: scope.split(" ") })).toEqual(expected);
    expect(actionsOf(issuer, { scope })).toEqual([]);
  });

  test("beside roles they only narrow, and scopes of other services say nothing", () => {
    const roles = ["DICOM Data Owner"];
    expect(actionsOf(scoped, { roles, scope: "dicom.read dicom.tenant.admin" })).toEqual([
      "feed",
      "read",
    ]);
    expect(actionsOf(scoped, { roles: ["DICOM Data Reader"], scope: "dicom.write" })).toEqual([]);
    expect(actionsOf(scoped, { roles, scope: "openid profile" })).toEqual([
      "delete",
      "export",
      "feed",
      "manageExtendedQueryTags",
      "read",
      "write",
    ]);
    expect(actionsOf(issuer, { roles, scope: "dicom.read" })).toContain("delete");
  });

  test("a scope of SMART App Launch is for a patient, a user or a system, and for nothing else", () => {
    expect(parseSmartScope("patient/ImagingStudy.rs")).toEqual({
      isOfPatient: true,
      actions: ["read"],
    });
    for (const text of [
      "ImagingStudy.rs",
      "patient/ImagingStudy.",
      "patient/ImagingStudy",
      "launch/patient",
      "other/*.rs",
      "user/ImagingStudy.rss",
    ]) {
      expect(parseSmartScope(text)?.actions ?? []).toEqual([]);
    }
  });
});

describe("restrictions", () => {
  const restricting: TenantIssuer = {
    ...scoped,
    partitionsClaim: "partitions",
    patientClaim: "dicom_patient",
    studyClaim: "dicom_study",
  };
  const roles = ["DICOM Data Owner", "Strata Tenant Admin"];

  test("claims restrict to partitions, a patient and a study, and take away what is about the whole tenant", () => {
    const grants = grantsOf(restricting, {
      roles,
      partitions: ["north", "south"],
      dicom_patient: "P1",
      dicom_study: "1.2.3",
    });
    expect(grants?.restriction).toEqual({
      partitions: ["north", "south"],
      patientID: "P1",
      studyInstanceUID: "1.2.3",
    });
    expect([...(grants?.actions ?? [])].toSorted()).toEqual(["delete", "feed", "read", "write"]);
  });

  test("no partition at all is a restriction too", () => {
    expect(grantsOf(restricting, { roles, partitions: [] })?.restriction).toEqual({
      partitions: [],
    });
    expect(grantsOf(restricting, { roles, partitions: "north south" })?.restriction).toEqual({
      partitions: ["north", "south"],
    });
  });

  test("claims that the settings do not name do not restrict", () => {
    expect(grantsOf(scoped, { roles, dicom_patient: "P1" })?.restriction).toEqual({});
  });

  test.each([
    { partitions: 1 },
    { partitions: [1] },
    { partitions: null },
    { dicom_patient: "" },
    { dicom_patient: ["P1", "P2"] },
    { dicom_patient: null },
    { dicom_study: 1.2 },
    { dicom_study: {} },
  ])(
    "a claim that restricts and is not what it should be makes the token worthless: %j",
    (claims) => {
      expect(grantsOf(restricting, { roles, ...claims })).toBeUndefined();
    },
  );

  test("a scope for a patient needs the claim that says which", () => {
    const scope = "patient/ImagingStudy.rs user/ImagingStudy.cruds";
    expect(grantsOf(restricting, { scope })).toBeUndefined();
    expect(grantsOf(scoped, { scope, dicom_patient: "P1" })).toBeUndefined();
    expect(grantsOf(restricting, { scope, dicom_patient: "P1" })?.restriction).toEqual({
      patientID: "P1",
    });
  });
});

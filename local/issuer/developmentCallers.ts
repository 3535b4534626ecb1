/** Somebody whom the development issuer gives tokens to. */
export interface DevelopmentCaller {
  /** Also the `client_id` by which a token is asked for. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** The tenant, as the claim `tenant` tells; absent of who administers the platform. */
  readonly tenant: string | undefined;
  readonly roles: readonly string[];
  readonly audience: string;
}

/** What tokens for the service, and for its platform, are for. */
export const audiences = { service: "strata", platform: "strata-platform" } as const;

/** The tenants that are registered when the service is started with the development issuer. */
export const developmentTenants: readonly string[] = ["hospital-a", "hospital-b"];

const roles: readonly (readonly [name: string, role: string])[] = [
  ["owner", "DICOM Data Owner"],
  ["reader", "DICOM Data Reader"],
  ["admin", "Strata Tenant Admin"],
];

/** Everybody that there is: three roles in each tenant, and who administers the platform. */
export const developmentCallers: readonly DevelopmentCaller[] = [
  ...developmentTenants.flatMap((tenant) =>
    roles.map(([name, role]) => ({
      name: `${tenant}.${name}`,
      title: `${tenant}, ${role}`,
      tenant,
      roles: [role],
      audience: audiences.service,
    })),
  ),
  {
    name: "platform.admin",
    title: "the platform, Strata Platform Admin",
    tenant: undefined,
    roles: ["Strata Platform Admin"],
    audience: audiences.platform,
  },
];

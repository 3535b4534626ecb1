import { dataActions, type DataAction, type Restriction } from "../tenancy/tenantScope.ts";

/** Who makes a request, as a verified token says. */
export interface Caller {
  /** `iss` of the token. */
  readonly issuer: string;
  /** `sub` of the token: whom the issuer means by it. */
  readonly subject: string;
  /** The program that acts, when the token says: `azp`, `client_id` or `appid`. */
  readonly clientId: string | undefined;
  /** `jti` of the token, or what the issuer has in its place. */
  readonly tokenId: string | undefined;
  /** The tenant that the token's issuer is registered for. */
  readonly tenant: string;
  readonly actions: ReadonlySet<DataAction>;
  readonly restriction: Restriction;
}

/** Every caller where authentication is off. */
export const unauthenticatedCaller: Caller = {
  issuer: "none",
  subject: "anybody",
  clientId: undefined,
  tokenId: undefined,
  tenant: "default",
  actions: new Set(dataActions.filter((action) => action !== "platform.admin")),
  restriction: {},
};

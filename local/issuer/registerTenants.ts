import { RuntimeError } from "../runtimeError.ts";
import { audiences, developmentTenants } from "./developmentCallers.ts";
import type { DevelopmentIssuer } from "./developmentIssuer.ts";

/** The settings that make a service trust an issuer with its platform. */
export function platformSettings(issuer: DevelopmentIssuer): Record<string, string> {
  return {
    AUTHENTICATION: "tokens",
    PLATFORM_ISSUER: issuer.url,
    PLATFORM_JWKS_URI: issuer.jwksUri,
    PLATFORM_AUDIENCE: audiences.platform,
  };
}

/**
 * Registers the development tenants with a running service, or renews what it knows of their issuer, which is another
 * one after every start. Settings that somebody has given them since stay.
 */
export async function registerTenants(baseUrl: string, issuer: DevelopmentIssuer): Promise<void> {
  for (const tenant of developmentTenants) {
    const settings = {
      issuers: [
        {
          issuer: issuer.url,
          jwksUri: issuer.jwksUri,
          audiences: [audiences.service],
          algorithms: ["ES256"],
          subjects: { claim: "tenant", value: tenant },
        },
      ],
    };
    const write = async (method: string): Promise<Response> =>
      await fetch(`${baseUrl}/v2/tenants/${tenant}`, {
        method,
        headers: {
          Authorization: `Bearer ${issuer.tokenOf("platform.admin")}`,
          "Content-Type": "application/json",
        },
        body: JSON.stringify(settings),
      });
    const patched = await write("PATCH");
    const written = patched.status === 404 ? await write("PUT") : patched;
    if (!written.ok) {
      const text = await written.text();
      throw new RuntimeError(`The tenant ${tenant} could not be registered: ${text}`);
    }
  }
}

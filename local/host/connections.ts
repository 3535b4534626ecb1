import type { Settings } from "./hostConfiguration.ts";
import { HostError } from "./hostError.ts";

/**
 * The connection string that a binding's `connection` names, looked up in the order of the Functions host: with the
 * prefix `AzureWebJobs` before without, as a connection string before as a setting.
 *
 * Throws `HostError` when there is none. A section such as `NAME__accountEndpoint`, which stands for a managed
 * identity, is refused: there is none on a developer's machine.
 */
export function resolveConnection(name: unknown, settings: Settings, fallback: string): string {
  const wanted = typeof name === "string" && name !== "" ? name : fallback;
  for (const key of [`AzureWebJobs${wanted}`, wanted]) {
    for (const candidate of [`ConnectionStrings__${key}`, `ConnectionStrings:${key}`, key]) {
      const value = settings[candidate];
      if (value !== undefined && value !== "") {
        return value;
      }
    }
  }
  const isSection = Object.keys(settings).some((key) =>
    key.toLowerCase().startsWith(`${wanted.toLowerCase()}__`),
  );
  throw new HostError(
    isSection
      ? `The connection "${wanted}" asks for a managed identity; the local host takes connection strings only.`
      : `The connection "${wanted}" names no setting.`,
  );
}

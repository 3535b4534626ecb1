import { registerAnonymous } from "../shared/http/registerHttp.ts";
import { runtime } from "../shared/runtime.ts";

// As in the Azure service: for load balancers and people, without a token and without a version.
registerAnonymous(
  { name: "checkHealth", method: "GET", template: "health/check" },
  runtime,
  async () => {
    const { probe, sequencer } = runtime();
    const [results, sequencing] = await Promise.all([probe.probe(), sequencer.deadLetters.probe()]);
    const isHealthy = results.every(({ healthy }) => healthy);
    // Somebody has to look at it, but every request is served: no reason to send callers elsewhere.
    const isDegraded = !sequencing.isComplete;
    return {
      status: isHealthy ? 200 : 503,
      headers: { "Content-Type": "application/json", "Cache-Control": "no-store" },
      body: JSON.stringify({
        overallStatus: !isHealthy ? "Unhealthy" : isDegraded ? "Degraded" : "Healthy",
        details: [
          ...results.map(({ name, healthy, description }) => ({
            name,
            status: healthy ? "Healthy" : "Unhealthy",
            description,
          })),
          {
            name: "sequencing",
            status: isDegraded ? "Degraded" : "Healthy",
            description: sequencing.description,
          },
        ],
      }),
    };
  },
);

import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags } from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { fieldsOf, type RequestFacts } from "./requestFacts.ts";
import type { MeasureName, TelemetrySink } from "./telemetry.ts";

const exportTimeoutMilliseconds = 10_000;
const spanDelayMilliseconds = 5_000;

/**
 * Sends spans and metrics by OTLP over HTTP, to where the settings of OpenTelemetry (`OTEL_EXPORTER_OTLP_…`) say.
 *
 * Metrics every `intervalMilliseconds`, spans no less often than every five seconds.
 *
 * Nothing is instrumented by itself: what leaves is what {@link TelemetrySink} is told. `docs/telemetry.md` lists it.
 */
export function openTelemetrySink(intervalMilliseconds: number): TelemetrySink {
  const resource = resourceFromAttributes({ "service.name": "strata" });
  const reader = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter(),
    exportIntervalMillis: intervalMilliseconds,
    exportTimeoutMillis: Math.min(exportTimeoutMilliseconds, intervalMilliseconds),
  });
  const meters = new MeterProvider({ resource, readers: [reader] });
  const tracers = new TracerProvider({
    resource,
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter(),
        scheduledDelayMillis: Math.min(spanDelayMilliseconds, intervalMilliseconds),
      }),
    ],
  });
  const meter = meters.getMeter("strata");
  const tracer = tracers.getTracer("strata");
  const duration = meter.createHistogram("http.server.request.duration", { unit: "s" });
  const charge = meter.createHistogram("strata.request.charge", { unit: "{RU}" });
  const dependencies = meter.createHistogram("strata.dependency.duration", { unit: "s" });
  const bytes = meter.createCounter("strata.response.body.size", { unit: "By" });
  const throttled = meter.createCounter("strata.requests.throttled", { unit: "{request}" });
  const cut = meter.createCounter("strata.responses.cut", { unit: "{response}" });
  const measures = {
    "strata.feed.lag": meter.createHistogram("strata.feed.lag", { unit: "s" }),
    "strata.feed.dead_letters": meter.createGauge("strata.feed.dead_letters", { unit: "{study}" }),
    "strata.audit.failures": meter.createCounter("strata.audit.failures", { unit: "{event}" }),
  };
  return {
    request: (facts) => {
      const fields = fieldsOf(facts);
      const name = { function: facts.functionName };
      duration.record(facts.durationMilliseconds / 1000, {
        ...name,
        "http.request.method": fields.method ?? "",
        "http.response.status_code": facts.status,
      });
      charge.record(facts.requestCharge, name);
      dependencies.record(facts.cosmosMilliseconds / 1000, { ...name, dependency: "cosmos" });
      dependencies.record(facts.blobMilliseconds / 1000, { ...name, dependency: "blob" });
      bytes.add(facts.bodyBytes, name);
      if (facts.status === 429) {
        throttled.add(1, facts.tenant === undefined ? name : { ...name, tenant: facts.tenant });
      }
      if (facts.isCut) {
        cut.add(1, name);
      }
      const span = tracer.startSpan(
        facts.functionName,
        { kind: SpanKind.SERVER, startTime: facts.startedAt, attributes: fields },
        parentOf(facts),
      );
      if (facts.status >= 500) {
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end(facts.startedAt + facts.durationMilliseconds);
    },
    measure: (name: MeasureName, value) => {
      const measure = measures[name];
      if ("add" in measure) {
        measure.add(value);
      } else {
        measure.record(value);
      }
    },
    flush: async () => {
      await Promise.allSettled([meters.forceFlush(), tracers.forceFlush()]);
    },
  };
}

function parentOf({ traceParent }: RequestFacts): typeof ROOT_CONTEXT {
  return traceParent === undefined
    ? ROOT_CONTEXT
    : trace.setSpanContext(ROOT_CONTEXT, {
        traceId: traceParent.traceId,
        spanId: traceParent.spanId,
        traceFlags: traceParent.isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
        isRemote: true,
      });
}

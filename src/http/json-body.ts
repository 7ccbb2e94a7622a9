/** Bodies of the API: JSON as it is, uncompressed, and no deeper than what follows can walk (`JSON.parse` takes a depth of 200,000, `JSON.stringify` does not). */
import type { FastifyRequest } from "fastify";
import { Rejection } from "../core/rejection.ts";
import { isDeeperThan } from "../core/text.ts";
import { limits } from "../limits.ts";
import type { Api } from "./route.ts";

/** Before the routes. */
export function registerJsonBody(fastify: Api): void {
  const parse = fastify.getDefaultJsonParser("error", "error");
  fastify.addContentTypeParser<string>("application/json", { parseAs: "string" }, (request, body, done) => {
    // It answers by its callback.
    void parse(request, body, (error, value) => {
      if (error !== null) done(error);
      else if (isDeeperThan(value, limits.jsonDepthMax)) done(tooDeep());
      else done(null, value);
    });
  });
  fastify.addHook("onRequest", (request, _reply, next) => {
    next(isCompressed(request) ? compressed() : undefined);
  });
}

/** A few bytes could become as many as fill the memory. */
function isCompressed({ headers }: FastifyRequest): boolean {
  const coding = headers["content-encoding"];
  return coding !== undefined && coding.toLowerCase() !== "identity";
}

function compressed(): Rejection {
  return new Rejection("unsupported_media_type", 415, "Compressed bodies are not taken");
}

function tooDeep(): Rejection {
  return new Rejection("invalid_request", 400, `The body nests deeper than ${limits.jsonDepthMax} levels`);
}

/** Answers are written as the contract's schemas say. Each serializer is built when its first answer is written: all of them at once cost a start half a second. */
import { SerializerSelector } from "@fastify/fast-json-stringify-compiler";

type Factory = ReturnType<typeof SerializerSelector>;

/** For Fastify's `schemaController.compilersFactory.buildSerializer`. */
export function serializersOnFirstUse(): Factory {
  const factory = SerializerSelector();
  return (externalSchemas, options) => {
    const build = factory(externalSchemas, options);
    return (route) => {
      let serialize: ReturnType<typeof build> | null = null;
      return (doc) => (serialize ??= build(route))(doc);
    };
  };
}

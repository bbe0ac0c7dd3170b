// Writes the types of the business events in asyncapi.json into events.d.ts.

import { readFile, writeFile } from "node:fs/promises";
import { compile } from "json-schema-to-typescript";

const { components } = JSON.parse(await readFile("../../asyncapi.json", "utf8"));
const schema = { ...components.schemas.BusinessEvent, components };
// The types list the members that the document names, although data may get further ones.
const types = await compile(schema, "BusinessEvent", { additionalProperties: false, ignoreMinAndMaxItems: true });
await writeFile("events.d.ts", types);

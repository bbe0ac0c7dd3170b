// Opens the summaries of packages in Chromium and checks them with axe-core. The arguments are folders of unpacked packages.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const work = mkdtempSync(join(tmpdir(), 'caretrail-axe-'));
let faults = 0;
try {
  for (const folder of process.argv.slice(2)) {
    const summary = readFileSync(join(folder, 'summary.html'), 'utf8');
    for (const refused of [/<script/i, /<link/i, /<img/i, /@import/i, /url\(/i]) {
      if (refused.test(summary)) {
        faults += 1;
        console.log(`${folder}/summary.html has ${refused}`);
      }
    }
    // The page forbids scripts, so the copy for the check doesn't say so.
    const policy = /<meta http-equiv="Content-Security-Policy"[^>]*>/;
    if (!policy.test(summary)) throw new Error('the summary has no policy');
    const run = `axe.run(document, { resultTypes: ['violations', 'incomplete'] }).then((result) => {
      const told = document.createElement('pre');
      told.id = 'told';
      told.textContent = JSON.stringify({
        passes: result.passes.length,
        violations: result.violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.slice(0, 3).map((it) => it.html) })),
      });
      document.body.append(told);
    });`;
    const page = join(work, 'page.html');
    const scripts = `<script>${axe}</script><script>${run}</script></body>`;
    writeFileSync(page, summary.replace(policy, '').replace('</body>', () => scripts));
    const dom = execFileSync(
      'chromium',
      ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking',
        '--no-first-run', `--user-data-dir=${join(work, 'profile')}`, '--virtual-time-budget=60000', '--dump-dom',
        `file://${resolve(page)}`],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 28, timeout: 180_000, env: { ...process.env, HOME: work } },
    );
    const told = /<pre id="told">(.*?)<\/pre>/s.exec(dom);
    if (!told) throw new Error(`axe-core gave no result for ${folder}`);
    const text = told[1].replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
    const { passes, violations } = JSON.parse(text);
    for (const violation of violations) {
      faults += 1;
      console.log(`${folder}/summary.html ${violation.id}: ${violation.help}\n  ${violation.nodes.join('\n  ')}`);
    }
    console.log(`axe-core: ${folder}: ${passes} rules passed, ${violations.length} violated`);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
process.exit(faults ? 1 : 0);

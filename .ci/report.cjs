// What the reports of the test runs say together.
//   report.cjs failed-files FIRST           the test files to run once more, a line each
//   report.cjs summary FIRST SECOND TROUBLE what failed, each with its message, and one line "N passed, N failed, N skipped"; exit code 1 if anything failed
// A test that fails beside the others and passes alone is unsteady: it does not fail the run, but it is named, to be mended.
const { existsSync, readFileSync } = require('node:fs');
const { relative } = require('node:path');

const read = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).testResults : null);
const fileOf = (suite) => relative(process.cwd(), suite.name);
// A file that could not be loaded has no tests to count.
const broken = (suite) => suite.status === 'failed' && suite.assertionResults.every((test) => test.status !== 'failed');
const failedTests = (suite) => suite.assertionResults.filter((test) => test.status === 'failed');

// Many failures are no chance: they are not run again.
const MOST_FILES = 12;
const MESSAGE_LINES = 30;

function failedFiles(first) {
  const files = (read(first) ?? []).filter((suite) => broken(suite) || failedTests(suite).length > 0).map(fileOf);
  return files.length <= MOST_FILES ? files : [];
}

/** Of one file, as text. What its processes logged is in the output of the run, behind the first line of each failure. */
function failures(suite) {
  const file = fileOf(suite);
  const shown = (message) => message.split('\n').slice(0, MESSAGE_LINES).join('\n      ');
  const tests = failedTests(suite).map((test) => `  ${file} > ${test.fullName}\n      ${shown(test.failureMessages.join('\n'))}`);
  return broken(suite) ? [`  ${file}: it could not be loaded, or a hook before its tests failed\n      ${shown(suite.message)}`] : tests;
}

function summary(first, second, trouble) {
  const suites = read(first);
  const again = new Map((read(second) ?? []).map((suite) => [fileOf(suite), suite]));
  let passed = 0;
  let failed = Number(trouble) + (suites === null ? 1 : 0);
  let skipped = 0;
  const told = [];
  for (const suite of suites ?? []) {
    const file = fileOf(suite);
    const repeated = again.get(file);
    // The second run counts as a whole: what failed first may have kept others from running.
    const counted = repeated ?? suite;
    for (const test of counted.assertionResults) {
      if (test.status === 'passed') passed++;
      else if (test.status === 'failed') failed++;
      else skipped++;
    }
    if (broken(counted)) failed++;
    told.push(...failures(counted));
    if (repeated === undefined || broken(repeated) || failedTests(repeated).length > 0) continue;
    for (const name of broken(suite) ? ['(the file)'] : failedTests(suite).map((test) => test.fullName)) console.log(`unsteady: ${file}: ${name}`);
  }
  if (told.length > 0) console.log(`failed:\n${told.join('\n')}`);
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = failed === 0 ? 0 : 1;
}

const [command, first, second, trouble] = process.argv.slice(2);
if (command === 'failed-files') for (const file of failedFiles(first)) console.log(file);
else summary(first, second, trouble);

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Tests own real sockets and processes: one file per core is as parallel as they can be.
    maxWorkers: 2,
    // A machine that does other things too may be ten times slower; what waits for a condition says itself what did not come.
    testTimeout: 120_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 20_000, interval: 20 } },
    setupFiles: ['test/support/tell-logs.ts'],
    pool: 'forks',
  },
});

import type { Area } from '../harness/scenario.ts';

export const routing: Area = {
  name: 'routing',
  configurations: [
    {
      name: 'path matchers',
      routes: `
        - {match: {path: /exact}, route: {cluster: b}}
        - {match: {prefix: /pre}, route: {cluster: a}}
      `,
      cases: [
        { name: 'path', send: 'GET /exact' },
        { name: 'path with query', send: 'GET /exact?q=1' },
        { name: 'no route', send: 'GET /exact/' },
        { name: 'prefix', send: 'GET /prefix' },
      ],
    },
  ],
};

/** `/api/v1/page`, its events and its history, on the admin interface. */
import type { AdminReply, Endpoint } from '../admin/api.ts';
import { text } from '../admin/reply.ts';
import type { LivePage } from './live-page.ts';

const JSON_TYPE = 'application/json';

/** @param page loads it; null = there is nothing to show yet, or no more */
export function pageEndpoints(page: () => Promise<LivePage | null>): readonly Endpoint[] {
  const answer = async (make: (live: LivePage) => AdminReply | null | Promise<AdminReply | null>): Promise<AdminReply> => {
    const live = await page();
    return (live === null ? null : await make(live)) ?? text('the proxy is starting or ending\n', 503);
  };
  return [
    {
      path: '/api/v1/page',
      help: 'the state that the live page shows (JSON)',
      mutates: false,
      page: true,
      parameters: [],
      handle: () =>
        answer(async (live) => {
          const body = await live.snapshot();
          return body === null ? null : { status: 200, contentType: JSON_TYPE, body };
        }),
    },
    {
      path: '/api/v1/page/events',
      help: 'what the live page shows, second by second (server-sent events)',
      mutates: false,
      page: true,
      parameters: [{ name: 'cluster', help: 'also the figures of its hosts; may be repeated' }],
      handle: ({ params }) =>
        answer((live) => ({ status: 200, contentType: 'text/event-stream', endless: true, body: live.events(params.getAll('cluster')) })),
    },
    {
      path: '/api/v1/page/history',
      help: 'the last 15 minutes of figures that the live page shows (JSON)',
      mutates: false,
      page: true,
      parameters: [{ name: 'series', help: "e.g. 'total.rps' or 'cluster.<name>.errors'; may be repeated" }],
      handle: ({ params }) =>
        answer((live) => ({ status: 200, contentType: JSON_TYPE, body: JSON.stringify(live.history(params.getAll('series'))) })),
    },
  ];
}

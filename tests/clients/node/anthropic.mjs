// The official Anthropic SDK through Lethe. Arguments: Lethe's URL, and a model whose name leads to the upstream.
import Anthropic from '@anthropic-ai/sdk';
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { z } from 'zod';
import { check, failure, run, same } from './cases.mjs';

const [url, model] = process.argv.slice(2);
const client = new Anthropic({ baseURL: url, apiKey: 'caller-key', maxRetries: 0, timeout: 10_000 });

const asking = (scenario, more = {}) => ({
  model,
  max_tokens: 50,
  messages: [{ role: 'user', content: `scenario=${scenario}.` }],
  ...more,
});
const schema = { type: 'object', properties: { at: { type: 'string' } }, required: ['at'] };
const look = { name: 'look', description: 'Look somewhere.', input_schema: schema };
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const cases = {
  async buffered() {
    const message = await client.messages.create(asking('text'));
    same([message.content[0].text, message.stop_reason], ['a lake', 'end_turn']);
    same([message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens], [11, 5, 7]);
    check(message._request_id, 'no request id');
  },
  async rawEvents() {
    const kinds = [];
    for await (const event of await client.messages.create(asking('text', { stream: true }))) kinds.push(event.type);
    same(
      kinds.filter((kind) => kind !== 'ping'),
      ['message_start', 'content_block_start', 'content_block_delta', 'content_block_delta', 'content_block_stop',
        'message_delta', 'message_stop'],
    );
  },
  async streamHelper() {
    const pieces = [];
    const stream = client.messages.stream(asking('text')).on('text', (piece) => pieces.push(piece));
    same((await stream.finalMessage()).usage.output_tokens, 7);
    same(pieces, ['a ', 'lake']);
  },
  async parallelTools() {
    const body = asking('tools', { tools: [look] });
    const first = await client.messages.stream(body).finalMessage();
    const calls = first.content.filter((block) => block.type === 'tool_use');
    same(calls.map((call) => [call.id, call.input.at]), [['t1', 'left'], ['t2', 'right']]);
    const results = calls.map((call) => ({ type: 'tool_result', tool_use_id: call.id, content: 'a tree' }));
    const messages = [...body.messages, { role: 'assistant', content: first.content }, { role: 'user', content: results }];
    same((await client.messages.create({ ...body, messages })).content[0].text, 'two things');
  },
  async toolRunner() {
    const asked = [];
    const tool = betaTool({
      name: 'look', description: 'Look somewhere.', inputSchema: schema,
      run: ({ at }) => { asked.push(at); return 'a tree'; },
    });
    const final = await client.beta.messages.toolRunner(asking('tools', { tools: [tool] })).runUntilDone();
    same([final.content[0].text, asked], ['two things', ['left', 'right']]);
  },
  async structuredOutput() {
    const format = zodOutputFormat(z.object({ name: z.string(), trees: z.number() }));
    const message = await client.messages.parse(asking('json', { output_config: { format } }));
    same(message.parsed_output, { name: 'lake', trees: 3 });
  },
  async image() {
    const source = { type: 'base64', media_type: 'image/png', data: pixel };
    const content = [{ type: 'image', source }, { type: 'text', text: 'scenario=text.' }];
    same((await client.messages.create(asking('text', { messages: [{ role: 'user', content }] }))).content[0].text, 'a lake');
  },
  async typedError() {
    const error = await failure(client.messages.create(asking('limited')));
    check(error instanceof Anthropic.RateLimitError, error.constructor.name);
    check(error.message.includes('the upstream says why'), error.message);
    same([error.status, error.headers.get('retry-after'), error.error.error.type], [429, '7', 'rate_limit_error']);
  },
  async errorInTheStream() {
    const error = await failure(client.messages.stream(asking('broken')).finalMessage());
    check(error instanceof Anthropic.APIError && error.message.includes('busy now'), error.message);
  },
  async retry() {
    const message = await client.messages.create(asking('busy'), { maxRetries: 2 });
    same(message.content[0].text, 'a lake');
  },
  async timeout() {
    const error = await failure(client.messages.create(asking('hang'), { timeout: 400 }));
    check(error instanceof Anthropic.APIConnectionTimeoutError, error.constructor.name);
  },
  async abort() {
    const stream = client.messages.stream(asking('stalled'));
    stream.on('text', () => stream.abort());
    const error = await failure(stream.finalMessage());
    check(error instanceof Anthropic.APIUserAbortError, error.constructor.name);
  },
  async countTokens() {
    const { messages } = asking('text');
    check((await client.messages.countTokens({ model, messages })).input_tokens > 0, 'no count');
  },
  async models() {
    const ids = [];
    for await (const found of client.models.list({ limit: 1000 })) ids.push(found.id);
    check(ids.length > 0, 'no models');
    for (const id of ids) same((await client.models.retrieve(id)).id, id);
  },
};

const skipped = process.argv.slice(4);
await run(Object.fromEntries(Object.entries(cases).filter(([name]) => !skipped.includes(name))));

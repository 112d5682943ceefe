// The official OpenAI SDK through Lethe. Arguments: Lethe's URL, and a model whose name leads to the upstream.
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { check, failure, run, same } from './cases.mjs';

const [url, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'caller-key', maxRetries: 0, timeout: 10_000 });
const chat = client.chat.completions;

const asking = (scenario, more = {}) => ({
  model,
  messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: `scenario=${scenario}.` }],
  ...more,
});
const parameters = { type: 'object', properties: { at: { type: 'string' } }, required: ['at'], additionalProperties: false };
const look = { type: 'function', function: { name: 'look', description: 'Look somewhere.', parameters } };
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const cases = {
  async buffered() {
    const reply = await chat.create(asking('text'));
    same([reply.choices[0].message.content, reply.choices[0].finish_reason], ['a lake', 'stop']);
    same([reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens], [16, 7, 23]);
    same(reply.usage.prompt_tokens_details.cached_tokens, 5);
  },
  async rawChunks() {
    const chunks = [];
    const body = asking('text', { stream: true, stream_options: { include_usage: true } });
    for await (const chunk of await chat.create(body)) chunks.push(chunk);
    const pieces = chunks.map((chunk) => chunk.choices[0]?.delta.content).filter(Boolean);
    same(pieces, ['a ', 'lake']);
    same([chunks.at(-1).choices, chunks.at(-1).usage.prompt_tokens], [[], 16]);
  },
  async streamHelper() {
    const final = await chat.stream(asking('text')).finalChatCompletion();
    same([final.choices[0].message.content, final.choices[0].finish_reason], ['a lake', 'stop']);
  },
  async parallelTools() {
    const body = asking('tools', { tools: [look] });
    const first = (await chat.stream(body).finalChatCompletion()).choices[0];
    same(first.finish_reason, 'tool_calls');
    const calls = first.message.tool_calls.map(({ id, type, function: { name, arguments: args } }) => ({
      id, type, function: { name, arguments: args },
    }));
    same(calls.map((call) => [call.id, JSON.parse(call.function.arguments).at]), [['t1', 'left'], ['t2', 'right']]);
    const results = calls.map((call) => ({ role: 'tool', tool_call_id: call.id, content: 'a tree' }));
    const messages = [...body.messages, { role: 'assistant', content: first.message.content, tool_calls: calls }, ...results];
    same((await chat.create({ ...body, messages })).choices[0].message.content, 'two things');
  },
  async toolRunner() {
    const asked = [];
    const tool = {
      type: 'function',
      function: {
        ...look.function, parse: JSON.parse,
        function: ({ at }) => { asked.push(at); return 'a tree'; },
      },
    };
    same(await chat.runTools(asking('tools', { tools: [tool] })).finalContent(), 'two things');
    same(asked, ['left', 'right']);
  },
  async structuredOutput() {
    const response_format = zodResponseFormat(z.object({ name: z.string(), trees: z.number() }), 'place');
    const reply = await chat.parse(asking('json', { response_format }));
    same(reply.choices[0].message.parsed, { name: 'lake', trees: 3 });
  },
  async responses() {
    const reply = await client.responses.create({ model, instructions: 'Be brief.', input: 'scenario=text.' });
    same([reply.output_text, reply.status, reply.usage.input_tokens], ['a lake', 'completed', 16]);
  },
  async responsesStream() {
    const pieces = [];
    const stream = client.responses.stream({ model, input: 'scenario=text.' });
    stream.on('response.output_text.delta', (event) => pieces.push(event.delta));
    const final = await stream.finalResponse();
    same([pieces, final.output_text], [['a ', 'lake'], 'a lake']);
  },
  async image() {
    const image_url = { url: `data:image/png;base64,${pixel}` };
    const content = [{ type: 'image_url', image_url }, { type: 'text', text: 'scenario=text.' }];
    same((await chat.create(asking('text', { messages: [{ role: 'user', content }] }))).choices[0].message.content, 'a lake');
  },
  async typedError() {
    const error = await failure(chat.create(asking('limited')));
    check(error instanceof OpenAI.RateLimitError, error.constructor.name);
    check(error.message.includes('the upstream says why'), error.message);
    same([error.status, error.headers.get('retry-after')], [429, '7']);
  },
  async errorInTheStream() {
    const error = await failure(chat.stream(asking('broken')).finalChatCompletion());
    check(error instanceof OpenAI.OpenAIError && error.message.includes('busy now'), error.message);
  },
  async retry() {
    const reply = await chat.create(asking('busy'), { maxRetries: 2 });
    same(reply.choices[0].message.content, 'a lake');
  },
  async timeout() {
    const error = await failure(chat.create(asking('hang'), { timeout: 400 }));
    check(error instanceof OpenAI.APIConnectionTimeoutError, error.constructor.name);
  },
  async abort() {
    const stream = chat.stream(asking('stalled'));
    stream.on('content', () => stream.abort());
    const error = await failure(stream.finalChatCompletion());
    check(error instanceof OpenAI.APIUserAbortError, error.constructor.name);
  },
  async embeddings() {
    const reply = await client.embeddings.create({ model, input: 'x', encoding_format: 'float' });
    same(reply.data[0].embedding, [0.25, 0.5]);
  },
  async models() {
    const ids = [];
    for await (const found of client.models.list()) ids.push(found.id);
    check(ids.length > 0, 'no models');
    for (const id of ids) same((await client.models.retrieve(id)).id, id);
  },
};

const skipped = process.argv.slice(4);
await run(Object.fromEntries(Object.entries(cases).filter(([name]) => !skipped.includes(name))));

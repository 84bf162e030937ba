// Every text of the window comes from a catalog, and the catalogs say the same things.
import { parse as parseMessage, TYPE } from '@formatjs/icu-messageformat-parser';
import type { MessageFormatElement } from '@formatjs/icu-messageformat-parser';
import { parse } from 'svelte/compiler';
import { expect, test } from 'vitest';
import de from './languages/de.json';
import en from './languages/en.json';

const catalogs: Record<string, Record<string, string>> = { de, en };

/** What belongs into a text: its names, in order. */
function places(text: string): string[] {
  const named = new Set<string>();
  const walk = (elements: MessageFormatElement[]) => {
    for (const element of elements) {
      if (element.type === TYPE.literal || element.type === TYPE.pound) continue;
      named.add(element.value);
      if ('options' in element) {
        for (const option of Object.values(element.options)) walk(option.value);
      }
    }
  };
  walk(parseMessage(text, { ignoreTag: true }));
  return [...named].sort();
}

test('every language has the same texts in the same order, with the same in them', () => {
  for (const [language, texts] of Object.entries(catalogs)) {
    expect(Object.keys(texts), language).toEqual(Object.keys(en));
    for (const [key, text] of Object.entries(en)) {
      expect(text.trim(), key).not.toBe('');
      expect(places(texts[key]!), `${language}: ${key}`).toEqual(places(text));
    }
  }
});

/** A node of the tree that Svelte's own parser makes of a component. */
interface Node {
  type: string;
  [part: string]: unknown;
}

const isNode = (thing: unknown): thing is Node =>
  typeof thing === 'object' && thing !== null && typeof (thing as Node).type === 'string';

/** Calls `see` for a node and all below it, with those around it, the nearest first. */
function walk(thing: unknown, see: (node: Node, around: Node[]) => void, around: Node[] = []) {
  if (Array.isArray(thing)) for (const each of thing) walk(each, see, around);
  else if (isNode(thing)) {
    see(thing, around);
    for (const part of Object.values(thing)) walk(part, see, [thing, ...around]);
  }
}

const sources = Object.entries(
  import.meta.glob<string>(['../**/*.svelte', '../**/*.ts', '!../**/*.test.ts', '!./bindings.ts'], {
    query: '?raw',
    import: 'default',
    eager: true,
  }),
).map(([file, text]) => {
  const script = file.endsWith('.ts') ? `<script lang="ts">${text}</script>` : text;
  const { fragment, instance, module } = parse(script, { modern: true });
  return { file, markup: fragment, scripts: [instance, module] };
});

/** A text that is asked for: its key, and the names of what is put into it. */
function asked(file: string, node: Node): { key: string; gives: string[] } | null {
  const { callee, arguments: given } = node as unknown as { callee?: Node; arguments?: Node[] };
  if (node.type !== 'CallExpression' || callee?.type !== 'Identifier' || callee['name'] !== 't') {
    return null;
  }
  const key = given?.[0]?.['value'];
  if (typeof key !== 'string') throw new Error(`${file}: t() needs the key itself, not a variable`);
  const values = (given?.[1]?.['properties'] ?? []) as { key: Node }[];
  return { key, gives: values.map((each) => String(each.key['name'])).sort() };
}

test('every text that is asked for is there and gets what belongs into it; none is left over', () => {
  const used = new Set<string>();
  for (const { file, markup, scripts } of sources) {
    walk([markup, scripts], (node) => {
      const text = asked(file, node);
      if (!text) return;
      used.add(text.key);
      const message = catalogs['en']![text.key];
      expect(message, `${file}: ${text.key}`).toBeDefined();
      expect(text.gives, `${file}: ${text.key}`).toEqual(places(message ?? ''));
    });
  }
  expect(Object.keys(en).filter((key) => !used.has(key))).toEqual([]);
});

/** Attributes that are read or heard. */
const SPOKEN = ['alt', 'aria-label', 'label', 'placeholder', 'title'];

/** Whether a text in the markup is read: what stands on keys is not, and attributes mostly not. */
function isRead(around: Node[]): boolean {
  const within = around.find((each) => each.type === 'Attribute' || /Directive$/.test(each.type));
  if (within) return SPOKEN.includes(String(within['name']));
  return !around.some((each) => each['name'] === 'kbd');
}

test('no component has a text of its own', () => {
  const found: string[] = [];
  const sentence = /^\p{Lu}\p{L}*\s/u;
  const word = /^\p{Lu}\p{Ll}+$/u;
  for (const { file, markup, scripts } of sources) {
    const note = (text: string) => found.push(`${file}: ${text}`);
    walk(markup, (node, around) => {
      const text = String(node['data'] ?? '').trim();
      if (node.type === 'Text' && /^\p{L}/u.test(text) && text !== 'Kith' && isRead(around))
        note(text);
      // A word in an expression is shown, too; but what is compared is the name of a key.
      const value = String(node['value'] ?? '');
      const compared = around[0]?.type === 'BinaryExpression';
      if (node.type === 'Literal' && word.test(value) && !compared) note(value);
    });
    walk([markup, scripts], (node) => {
      const { cooked } = (node['value'] ?? {}) as { cooked?: string };
      const text = node.type === 'Literal' ? node['value'] : cooked;
      if (typeof text === 'string' && sentence.test(text)) note(text);
    });
  }
  expect(found).toEqual([]);
});

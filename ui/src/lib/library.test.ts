import { beforeEach, describe, expect, it, vi } from 'vitest';
import { commands, type PhotoTile } from './api';
import { library } from './library.svelte';

vi.mock('./api', () => ({
  sentenceOf: String,
  commands: {
    welcome: vi.fn(),
    photos: vi.fn(),
    prepare: vi.fn(() => Promise.resolve()),
    people: vi.fn(() => Promise.resolve([])),
    failed: vi.fn(() => Promise.resolve([])),
    suggestions: vi.fn(() => Promise.resolve([])),
    albums: vi.fn(() => Promise.resolve([])),
    decide: vi.fn(() =>
      Promise.resolve({ said: { kind: 'favourite', photos: 1 }, faces_changed: 0 }),
    ),
  },
}));

// There is no page here that anything could be seen on.
vi.mock('./seen', () => ({ seen: () => Promise.resolve() }));

const tile = (photo: number, favourite = false): PhotoTile => ({
  photo,
  width: 3,
  height: 2,
  date: '2020-01-01T00:00:00',
  favourite,
  stars: 0,
  stack: null,
  away: false,
});

/** An answer that comes when it is told to. */
function later<T>(): { promise: Promise<T>; answer: (with_: T) => void } {
  let answer: (with_: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => (answer = resolve));
  return { promise, answer };
}

describe('the library', () => {
  beforeEach(() => vi.clearAllMocks());

  it('regression: keeps a favourite that was marked before all photos had come', async () => {
    const [newest, all] = [tile(2), [tile(2), tile(1)]];
    const old = later<PhotoTile[]>();
    vi.mocked(commands.welcome).mockResolvedValue({
      folders: [],
      pictures: null,
      newest: [newest],
      read_only: null,
      notices: [],
    });
    vi.mocked(commands.photos)
      .mockReturnValueOnce(old.promise)
      .mockResolvedValueOnce([tile(2, true), tile(1)]);
    const opened = library.open();
    await vi.waitFor(() => expect(commands.photos).toHaveBeenCalledOnce());
    expect(library.photos).toEqual([newest]);
    await library.keep([2], { favourite: true });
    old.answer(all);
    await opened;
    expect(library.photos).toEqual([tile(2, true), tile(1)]);
    expect(commands.photos).toHaveBeenCalledTimes(2);
    // Later nothing is asked for: what is shown is changed.
    await library.keep([1], { favourite: true });
    expect(library.photos).toEqual([tile(2, true), tile(1, true)]);
    expect(commands.photos).toHaveBeenCalledTimes(2);
  });
});

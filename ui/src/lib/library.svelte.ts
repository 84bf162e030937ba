// What the window knows of the library, and the decisions that go into it.
import { commands, damageOf, needsPassphrase, noticeOf, sentenceOf, whyReadOnly } from './api';
import type {
  Action,
  Album,
  AwayFolder,
  Folder,
  Outcome,
  Person,
  PhotoTile,
  Said,
  Suggestion,
  Unread,
} from './api';
import { t } from './language.svelte';
import { notices, type Way } from './notice.svelte';
import { sayingOf } from './said';
import { seen } from './seen';

/** A person whom the user has named. */
export type Named = Person & { name: string };

/** Answers to one question that is asked again and again: an older one never replaces a newer one's. */
class Newest {
  #asked = 0;

  async take<T>(question: Promise<T>, keep: (answer: T) => void): Promise<void> {
    const asked = ++this.#asked;
    const answer = await question;
    if (asked === this.#asked) keep(answer);
  }
}

class LibraryState {
  /** The window is still opening, or the library is open, or cannot be opened: why. */
  opening = $state(true);
  problem = $state<string | null>(null);
  /** What is wrong with the catalog itself, where that is the problem: a backup of it would help. */
  damage = $state<string | null>(null);
  /** Whether it waits for its passphrase. */
  locked = $state(false);
  /** The user's own folder for pictures, if there is one. */
  pictures = $state<string | null>(null);
  folders = $state.raw<Folder[]>([]);
  photos = $state.raw<PhotoTile[]>([]);
  /** Folders and drives that are not connected, with their photos. */
  away = $state.raw<AwayFolder[]>([]);
  people = $state.raw<Person[]>([]);
  failed = $state.raw<Unread[]>([]);
  suggestions = $state.raw<Suggestion[]>([]);
  albums = $state.raw<Album[]>([]);
  /** Whether photos and people have been read once. */
  loaded = $state(false);
  /** Grows with every change, so that screens know to ask again. */
  version = $state(0);
  /** How often the photos were asked for, and how many of these questions are open. */
  #asked = 0;
  #asking = 0;
  readonly #newest = {
    folders: new Newest(),
    people: new Newest(),
    failed: new Newest(),
    albums: new Newest(),
  };

  readonly named = $derived(this.people.filter((p): p is Named => p.name !== null && !p.hidden));
  readonly groups = $derived(this.people.filter((p) => p.name === null && !p.hidden));
  readonly hidden = $derived(this.people.filter((p) => p.hidden));
  readonly dates = $derived(new Map(this.photos.map((p) => [p.photo, p.date])));
  readonly #awayOn = $derived(
    new Map(this.away.flatMap((folder) => folder.photos.map((photo) => [photo, folder.name]))),
  );
  readonly #tiles = $derived(new Map(this.photos.map((p) => [p.photo, p])));
  readonly #byNumber = $derived(new Map(this.people.map((p) => [p.person, p])));

  person(person: number): Person | undefined {
    return this.#byNumber.get(person);
  }

  /** The photos that are nearly the same as this one, itself among them, the oldest first; none where it is alone. */
  alike(photo: number): PhotoTile[] {
    const stack = this.#tiles.get(photo)?.stack;
    if (stack == null) return [];
    return this.photos.filter((tile) => tile.stack === stack).reverse();
  }

  tile(photo: number): PhotoTile | undefined {
    return this.#tiles.get(photo);
  }

  /** What a photo is on that is not connected, as a sentence; none where it can be reached. */
  whereAway(photo: Pick<PhotoTile, 'photo' | 'away'>): string | null {
    if (!photo.away) return null;
    const name = this.#awayOn.get(photo.photo);
    return name === undefined ? t('away.on-something') : t('away.on', { name });
  }

  /** The photos of these numbers, in the order of all photos. */
  only(numbers: number[]): PhotoTile[] {
    const wanted = new Set(numbers);
    return this.photos.filter((photo) => wanted.has(photo.photo));
  }

  /** Opens the library; `problem` says why it could not. */
  async open(): Promise<void> {
    this.opening = true;
    this.problem = null;
    this.damage = null;
    this.locked = false;
    try {
      const welcome = await commands.welcome();
      if (welcome.read_only) notices.wrong(whyReadOnly(welcome.read_only));
      for (const notice of welcome.notices) notices.say(noticeOf(notice));
      this.folders = welcome.folders;
      this.pictures = welcome.pictures;
      // The photos first: they are what one sees, and of these the newest.
      this.photos = welcome.newest;
      this.opening = false;
      await seen();
      await this.#readPhotos();
      await this.#readAll();
      await commands.prepare();
    } catch (problem) {
      this.problem = sentenceOf(problem);
      this.damage = damageOf(problem);
      this.locked = needsPassphrase(problem);
    }
    this.opening = false;
  }

  /** Reads everything the screens show anew. */
  async refresh(): Promise<void> {
    await Promise.all([
      this.#newest.folders.take(commands.folders(), (folders) => (this.folders = folders)),
      this.#readPhotos(),
    ]);
    await this.#readAll();
  }

  /** Asks for all photos. The answer to an older question never replaces a newer one's. */
  async #readPhotos(): Promise<void> {
    const asked = ++this.#asked;
    this.#asking++;
    try {
      const photos = await commands.photos();
      const away = photos.some((photo) => photo.away) ? await commands.away() : [];
      if (asked === this.#asked) [this.photos, this.away] = [photos, away];
    } finally {
      this.#asking--;
    }
  }

  async #readAll(): Promise<void> {
    await Promise.all([
      this.#readPeople(),
      this.#newest.failed.take(commands.failed(), (failed) => (this.failed = failed)),
      this.#readAlbums(),
    ]);
    this.loaded = true;
    this.version++;
  }

  #readPeople(): Promise<void> {
    const both = Promise.all([commands.people(), commands.suggestions()]);
    return this.#newest.people.take(both, ([people, suggestions]) => {
      [this.people, this.suggestions] = [people, suggestions];
    });
  }

  #readAlbums(): Promise<void> {
    return this.#newest.albums.take(commands.albums(), (albums) => (this.albums = albums));
  }

  /**
   * Tells the library what the user says, and the user what it changed; `quietly` where the screen
   * itself says it.
   */
  decide(action: Action, quietly?: 'quietly'): Promise<Outcome | null> {
    const takesBack = action.kind === 'undo' || action.kind === 'take_back';
    return this.#hear(commands.decide(action), takesBack ? 'redo' : 'undo', quietly);
  }

  /** Marks photos as favourites, or gives them stars: the grids show it at once. */
  async keep(
    photos: number[],
    what: { favourite: boolean } | { stars: number },
  ): Promise<Outcome | null> {
    const action: Action =
      'stars' in what
        ? { kind: 'stars', photos, stars: what.stars }
        : { kind: 'favourite', photos, favourite: what.favourite };
    try {
      const outcome = await commands.decide(action);
      const meant = new Set(photos);
      // Another may stand now for those that are nearly the same.
      const stacked = photos.some((photo) => this.tile(photo)?.stack != null);
      // And photos that were asked for before may come without this.
      if (stacked || this.#asking > 0) await this.#readPhotos();
      else
        this.photos = this.photos.map((photo) =>
          meant.has(photo.photo) ? { ...photo, ...what } : photo,
        );
      await this.#readKnownAlbums();
      this.version++;
      notices.say(sayingOf(outcome.said), 'undo');
      return outcome;
    } catch (problem) {
      notices.wrong(sentenceOf(problem));
      return null;
    }
  }

  /** Adds a face that was missed, in a box of fractions of its photo. */
  drawFace(
    photo: number,
    box: [number, number, number, number],
    name: string | null,
  ): Promise<Outcome | null> {
    return this.#hear(commands.drawFace(photo, box, name), 'undo');
  }

  async #hear(decided: Promise<Outcome>, way: Way, quietly?: 'quietly'): Promise<Outcome | null> {
    try {
      const outcome = await decided;
      if (isAboutFolder(outcome.said)) {
        await this.refresh();
        notices.say(sayingOf(outcome.said), way);
        return outcome;
      }
      await this.#readPeople();
      // What is taken back, or said again, may be about photos as such.
      if (outcome.faces_changed === 0) {
        await this.#readPhotos();
        await this.#readAlbums();
      } else await this.#readKnownAlbums();
      this.version++;
      if (quietly) notices.dismiss();
      else notices.say(sayingOf(outcome.said), way);
      return outcome;
    } catch (problem) {
      notices.wrong(sentenceOf(problem));
      return null;
    }
  }

  /** What an album holds may hang on anything that is said. */
  async #readKnownAlbums(): Promise<void> {
    if (this.albums.length > 0) await this.#readAlbums();
  }

  /** Puts photos into the album of that name, takes some out, or says what else there is to albums. */
  async arrange(action: Action): Promise<Outcome | null> {
    try {
      const outcome = await commands.decide(action);
      await this.#readAlbums();
      this.version++;
      notices.say(sayingOf(outcome.said), 'undo');
      return outcome;
    } catch (problem) {
      notices.wrong(sentenceOf(problem));
      return null;
    }
  }

  /** Says again what was taken back last. */
  redo(): Promise<Outcome | null> {
    return this.decide({ kind: 'redo' });
  }

  /** Takes back the last decision. */
  undo(): Promise<Outcome | null> {
    return this.decide({ kind: 'undo' });
  }
}

/** Whether a decision, or the one that it undoes or redoes, takes a folder out of the library. */
function isAboutFolder(said: Said): boolean {
  const of = 'said' in said ? said.said : said;
  return of?.kind === 'folder_removed';
}

export const library = new LibraryState();

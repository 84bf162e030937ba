// What was said, as a sentence in the language of the window.
import type { Said } from './api';
import { t } from './language.svelte';
import { dayOf } from './words';

/** `12 faces are now Anna`, `Renamed to Anna` */
export function sayingOf(said: Said): string {
  switch (said.kind) {
    case 'renamed':
      return t('said.renamed', { name: said.name });
    case 'unnamed':
      return t('said.unnamed', { name: said.name });
    case 'named':
      return t('said.named', { n: said.faces, name: who(said.name) });
    case 'rejected':
      return t('said.rejected', { n: said.faces, name: who(said.name) });
    case 'joined':
      return t('said.joined', { n: said.faces, name: who(said.name) });
    case 'hidden':
      return said.hidden
        ? t('said.hidden', { who: who(said.name) })
        : t('said.shown', { who: who(said.name) });
    case 'all_hidden': {
      const people = t('count.people', { n: said.people });
      return said.hidden ? t('said.hidden', { who: people }) : t('said.shown', { who: people });
    }
    case 'left_out':
      return t('said.left-out', { n: said.faces });
    case 'unsure':
      return t('said.unsure', { n: said.faces, name: who(said.name) });
    case 'favourite':
      return said.favourite
        ? t('said.favourite', { n: said.photos })
        : t('said.no-favourite', { n: said.photos });
    case 'stars':
      return t('said.stars', { n: said.photos, stars: said.stars });
    case 'best_face':
      return t('face.best', { name: who(said.name) });
    case 'drawn':
      return t('said.drawn');
    case 'drawn_of':
      return t('said.drawn-of', { name: who(said.name) });
    case 'sureness':
      return t('said.sureness', { how: said.sureness });
    case 'aliases':
      return said.aliases.length > 0
        ? t('said.aliases', { name: who(said.name), names: said.aliases.join(', ') })
        : t('said.no-aliases', { name: who(said.name) });
    case 'birthday':
      return said.birthday === null
        ? t('said.no-birthday', { name: who(said.name) })
        : t('said.birthday', { name: who(said.name), day: dayOf(`${said.birthday}T00:00:00`) });
    case 'album':
      return t('said.album', { album: said.album });
    case 'saved_search':
      return t('said.saved-search', { album: said.album, query: said.query });
    case 'added_to_album':
      return t('said.added', { n: said.photos, album: called(said.album) });
    case 'taken_out':
      return t('said.taken-out', { n: said.photos, album: called(said.album) });
    case 'album_removed':
      return t('said.album-removed', { album: called(said.album) });
    case 'folder_removed':
      return t('said.folder-removed', { folder: said.folder });
    case 'inherited':
      return t('said.inherited');
    case 'forgotten':
      return t('said.forgotten', { n: said.faces });
    case 'imported':
      return t('said.imported', {
        people: t('count.people', { n: said.people }),
        faces: t('count.faces', { n: said.faces }),
        photos: t('count.photos', { n: said.photos }),
      });
    case 'again':
      return said.said ? t('said.again', { said: sayingOf(said.said) }) : t('said.again.something');
    case 'taken_back':
      return said.said
        ? t('said.taken-back', { said: sayingOf(said.said) })
        : t('history.taken-back');
  }
}

function who(name: string | null): string {
  return name ?? t('said.this-person');
}

function called(album: string | null): string {
  return album === null ? t('said.an-album') : t('said.quoted', { name: album });
}

// What looks through the folders left out, in everyday words.
import type { Skipped } from './bindings';
import { t } from './language.svelte';

/** The files that one rule left out. */
export interface LeftOut {
  rule: string;
  files: number;
  /** What they are. */
  what: string;
  /** Where they are. */
  paths: string[];
}

/** The same by rule, the most files first. */
export function byRule(skipped: Skipped[]): LeftOut[] {
  const rules = new Map<string, LeftOut>();
  for (const { rule, files, path } of skipped) {
    const known = rules.get(rule) ?? { rule, files: 0, what: what(rule), paths: [] };
    known.files += files;
    known.paths.push(path);
    rules.set(rule, known);
  }
  return [...rules.values()].sort((a, b) => b.files - a.files || a.rule.localeCompare(b.rule));
}

function what(rule: string): string {
  switch (rule) {
    case 'library':
      return t('skipped.library');
    case 'cachedir-tag':
      return t('skipped.cache');
    case 'nomedia':
      return t('skipped.nomedia');
    case 'apple-photos':
      return t('skipped.program', { program: 'macOS Photos' });
    case 'lightroom':
      return t('skipped.program', { program: 'Lightroom' });
    case 'immich':
      return t('skipped.program', { program: 'Immich' });
    case 'photoprism':
      return t('skipped.program', { program: 'PhotoPrism' });
    case 'digikam':
      return t('skipped.program', { program: 'digiKam' });
    case 'nextcloud':
      return t('skipped.program', { program: 'Nextcloud' });
    case 'synology':
      return t('skipped.program', { program: 'Synology' });
    case 'qnap':
      return t('skipped.program', { program: 'QNAP' });
    case 'windows':
      return t('skipped.program', { program: 'Windows' });
    case 'macos':
      return t('skipped.program', { program: 'macOS' });
    case 'trash':
      return t('skipped.trash');
    case 'hidden':
      return t('skipped.hidden');
    case 'kithignore':
      return t('skipped.kithignore');
    case 'pattern':
      return t('skipped.pattern');
    case 'no-extension':
      return t('skipped.no-extension');
    case 'other-extension':
      return t('skipped.other-extension');
    default:
      return t('skipped.kind', { extension: rule.toUpperCase() });
  }
}

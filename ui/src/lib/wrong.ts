// What went wrong, as a sentence in the language of the window.
import type { Misunderstood, Notice, PhotoError, Problem, ReadOnly, Unread } from './bindings';
import { t } from './language.svelte';
import { count } from './words';

/** What went wrong, as a sentence; `problem` is what a call to the program threw. */
export function sentenceOf(problem: unknown): string {
  if (problem && typeof problem === 'object' && 'kind' in problem) {
    return sentence(problem as Problem);
  }
  return t('trouble');
}

/** Which file is damaged and what is wrong with it, where that is the problem; else none. */
export function damageOf(problem: unknown): string | null {
  const of = problem as Problem | null;
  return of?.kind === 'damaged' ? `${of.path}: ${of.said}` : null;
}

/** Whether the library's passphrase is what is missing. */
export function needsPassphrase(problem: unknown): boolean {
  const kind = (problem as Partial<Problem> | null)?.kind;
  return kind === 'passphrase_needed' || kind === 'wrong_passphrase';
}

function sentence(problem: Problem): string {
  switch (problem.kind) {
    case 'catalog':
      return t('wrong.catalog', { said: problem.said });
    case 'damaged':
      return t('wrong.damaged');
    case 'too_new':
      return t('wrong.too-new', { path: problem.path });
    case 'read_only':
      return whyReadOnly(problem.why);
    case 'passphrase_needed':
      return t('wrong.passphrase-needed');
    case 'wrong_passphrase':
      return t('wrong.passphrase');
    case 'key_file':
      return t('wrong.key-file', { path: problem.path });
    case 'in_use':
      return t('wrong.in-use');
    case 'file_in_the_way':
      return t('wrong.file-in-the-way', { path: problem.path });
    case 'no_folder':
      return t('wrong.no-folder', { path: problem.path });
    case 'no_folders':
      return t('wrong.no-folders');
    case 'busy':
      return t('wrong.busy');
    case 'not_there':
      return t('wrong.not-there');
    case 'empty_name':
      return t('wrong.empty-name');
    case 'name_in_use':
      return t('wrong.name-in-use', { name: problem.name });
    case 'same_person':
      return t('wrong.same-person');
    case 'nothing_to_split':
      return t('wrong.nothing-to-split');
    case 'nothing_to_learn':
      return t('wrong.nothing-to-learn');
    case 'no_version':
      return t('wrong.no-version');
    case 'face_outline':
      return t('wrong.face-outline');
    case 'album_name_in_use':
      return t('wrong.album-name-in-use', { name: problem.name });
    case 'no_day':
      return t('wrong.no-day', { text: problem.text });
    case 'ignore_pattern':
      return t('wrong.ignore-pattern', { pattern: problem.pattern, said: problem.said });
    case 'no_backup':
      return t('wrong.no-backup', { path: problem.path });
    case 'nothing_to_redo':
      return t('wrong.nothing-to-redo');
    case 'nothing_to_undo':
      return t('wrong.nothing-to-undo');
    case 'taken_back':
      return t('wrong.taken-back');
    case 'query':
      return misunderstood(problem.why);
    case 'photo':
      return t('wrong.photo', { why: whyUnread(problem.why), path: problem.path });
    case 'no_pictures':
      return t('wrong.no-pictures');
    case 'no_chooser':
      return t('wrong.no-chooser');
    case 'no_file_manager':
      return t('wrong.no-file-manager', { path: problem.path });
    case 'stumbled':
      return t('wrong.stumbled');
    case 'other':
      return problem.message;
  }
}

/** Why the library can only be read. */
export function whyReadOnly(why: ReadOnly): string {
  switch (why) {
    case 'disk':
      return t('wrong.read-only.disk');
    case 'full':
      return t('wrong.read-only.full');
    case 'permission':
      return t('wrong.read-only.permission');
  }
}

/** What was done when the library was opened. */
export function noticeOf(notice: Notice): string {
  switch (notice) {
    case 'restore_finished':
      return t('notice.restore_finished');
    case 'restore_undone':
      return t('notice.restore_undone');
    case 'forgetting_unfinished':
      return t('notice.forgetting_unfinished');
  }
}

/** Why a file of the library could not be read; as an older version of Kith said it, where that is all. */
export function reasonOf(file: Unread): string {
  return file.why ? whyUnread(file.why) : file.reason;
}

function whyUnread(why: PhotoError): string {
  switch (why.kind) {
    case 'empty':
      return t('unread.empty');
    case 'not_a_file':
      return t('unread.not-a-file');
    case 'not_a_photo':
      return t('unread.not-a-photo');
    case 'not_yet':
      return t('unread.not-yet', { format: why.format });
    case 'unusual':
      return t('unread.unusual', { format: why.format });
    case 'video':
      return t('unread.video');
    case 'no_picture_in_raw':
      return t('unread.no-picture-in-raw');
    case 'cut_off':
      return t('unread.cut-off');
    case 'too_large':
      return t('unread.too-large', { width: count(why.width), height: count(why.height) });
    case 'too_many_scans':
      return t('unread.too-many-scans', { width: count(why.width), height: count(why.height) });
    case 'too_heavy':
      return t('unread.too-heavy', { size: count(why.megabytes) });
    case 'gone':
      return t('unread.gone');
    case 'dead_link':
      return t('unread.dead-link');
    case 'not_allowed':
      return t('unread.not-allowed');
    case 'unreadable':
      return t('unread.unreadable', { said: why.said });
    case 'not_stored':
      return t('unread.not-stored', { said: why.said });
    case 'ignore_file':
      return t('unread.ignore-file', { said: why.said });
    case 'damaged':
      return t('unread.damaged', { said: why.said });
  }
}

function misunderstood(why: Misunderstood): string {
  switch (why.kind) {
    case 'unknown':
      return why.anybody
        ? t('query.unknown', { text: why.text })
        : t('query.unknown-nobody', { text: why.text });
    case 'too_long':
      return t('query.too-long');
    case 'one_sided':
      return t('query.one-sided');
    case 'without_whom':
      return t('query.without-whom');
    case 'only_whom':
      return t('query.only-whom');
    case 'open_quote':
      return t('query.open-quote');
    case 'empty_quote':
      return t('query.empty-quote');
    case 'time_left_out':
      return t('query.time-left-out', { time: why.time });
    case 'nothing_behind':
      return t('query.nothing-behind', { key: why.key });
    case 'no_number':
      return t('query.no-number', { key: why.key, text: why.text });
    case 'no_place':
      return t('query.no-place', { text: why.text });
    case 'ends_early':
      return t('query.ends-early', { time: why.time });
    case 'no_time':
      return t('query.no-time', { time: why.time });
  }
}

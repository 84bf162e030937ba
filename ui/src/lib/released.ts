// A picture is let go when it leaves the page. The page's collector comes later: until then, hundreds of
// megabytes of pictures would wait for it while one scrolls.
import type { Attachment } from 'svelte/attachments';

/** Takes the picture out of an image that leaves the page. */
export const released: Attachment<HTMLImageElement> = (image) => () => {
  image.removeAttribute('src');
};

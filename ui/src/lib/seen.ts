// What is in sight comes before what is not.

/** The longest that anything waits for what is in sight, in milliseconds. */
const LONGEST = 1000;

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
const longest = () => new Promise((resolve) => setTimeout(resolve, LONGEST));

/** Comes when the pictures of what was just put on the page are there, or take too long. */
export async function seen(): Promise<void> {
  const pictures = async () => {
    // In the first frame the page learns how wide it is, in the second it knows what is on it.
    await frame();
    await frame();
    await Promise.allSettled([...document.images].map((image) => image.decode()));
  };
  await Promise.race([pictures(), longest()]);
}

import { describe, expect, it } from 'vitest';
import { Haste } from './haste';

/** Scrolls so many pixels each frame, of uneven length; says for each whether one hurried. */
function scroll(haste: Haste, pixels: number, frames: number): boolean[] {
  let now = 0;
  return Array.from({ length: frames }, (_, frame) => {
    now += frame % 2 === 0 ? 3 : 30;
    return haste.scrolled(now, frame * pixels, 800);
  });
}

describe('haste', () => {
  it('is none while one reads, also where frames come unevenly', () => {
    expect(scroll(new Haste(), 12, 200)).not.toContain(true);
  });

  it('begins soon after one flicks, and lasts', () => {
    const hurried = scroll(new Haste(), 120, 200);
    expect(hurried.indexOf(true)).toBeLessThan(6);
    expect(hurried.slice(6)).not.toContain(false);
  });

  it('is none in a single jump', () => {
    const haste = new Haste();
    expect(haste.scrolled(0, 10, 800)).toBe(false);
    expect(haste.scrolled(5000, 4_000_000, 800)).toBe(false);
    expect(haste.scrolled(5016, 4_000_000, 800)).toBe(false);
  });

  it('ends when one slows down, and when one stops', () => {
    const haste = new Haste();
    let [now, top] = [0, 0];
    const go = (pixels: number, frames: number): boolean => {
      let hurried = false;
      for (let frame = 0; frame < frames; frame++) {
        [now, top] = [now + 16, top + pixels];
        hurried = haste.scrolled(now, top, 800);
      }
      return hurried;
    };
    expect(go(120, 20)).toBe(true);
    expect(go(20, 5)).toBe(false);
    expect(go(120, 20)).toBe(true);
    haste.stopped();
    expect(haste.scrolled(now + 1, top + 120, 800)).toBe(false);
  });
});

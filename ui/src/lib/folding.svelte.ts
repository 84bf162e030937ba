// Whether copies and shots of one moment are shown as one; kept between starts.

const KEY = 'folding';

class Folding {
  #on = $state(localStorage.getItem(KEY) !== 'off');

  get on(): boolean {
    return this.#on;
  }

  set on(on: boolean) {
    this.#on = on;
    localStorage.setItem(KEY, on ? 'on' : 'off');
  }
}

export const folding = new Folding();

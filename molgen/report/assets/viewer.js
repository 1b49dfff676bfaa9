// One 3Dmol viewer a source: the chosen conformer solid, the others as a faint cloud.
(function () {
  const data = JSON.parse(document.getElementById("conformers").textContent);
  const slider = document.getElementById("conformer");
  const cloud = document.getElementById("cloud");
  const number = document.getElementById("conformer-number");
  const viewers = [];

  function atoms(flat) {
    const list = data.elements.map((elem, i) => ({
      elem: elem, x: flat[3 * i], y: flat[3 * i + 1], z: flat[3 * i + 2],
      bonds: [], bondOrder: [], properties: { label: data.labels[i] },
    }));
    for (const [i, j] of data.bonds) {
      list[i].bonds.push(j); list[i].bondOrder.push(1);
      list[j].bonds.push(i); list[j].bondOrder.push(1);
    }
    return list;
  }

  function draw(viewer, frames) {
    const chosen = Number(slider.value) - 1;
    viewer.removeAllModels();
    frames.forEach((flat, k) => {
      if (k !== chosen && !cloud.checked) return;
      const model = viewer.addModel();
      model.addAtoms(atoms(flat));
      model.setStyle({}, k === chosen % frames.length
        ? { stick: { radius: 0.13, colorscheme: "Jmol" }, sphere: { scale: 0.27, colorscheme: "Jmol" } }
        : { stick: { radius: 0.035, color: "#8b97a8", opacity: 0.75 } });
    });
    viewer.render();
  }

  const canvas = document.createElement("canvas");
  const able = canvas.getContext("webgl2") || canvas.getContext("webgl");

  for (const [source, frames] of Object.entries(data.sources)) {
    const box = document.getElementById("viewer-" + source);
    try {
      if (!able) throw new Error("no WebGL");
      const viewer = $3Dmol.createViewer(box, { backgroundColor: "white", antialias: true });
      draw(viewer, frames);
      viewer.zoomTo();
      viewer.zoom(1.7);
      viewer.render();
      viewers.push([viewer, frames, box]);
    } catch (error) {
      box.textContent = "This browser offers no WebGL, so the molecules cannot be drawn.";
    }
  }
  // turning one turns all
  for (const [viewer] of viewers) for (const [other] of viewers) if (other !== viewer) viewer.linkViewer(other);

  function redraw() {
    number.textContent = slider.value + " of " + slider.max;
    for (const [viewer, frames] of viewers) draw(viewer, frames);
  }
  slider.addEventListener("input", redraw);
  cloud.addEventListener("change", redraw);
  redraw();

  // WebGL canvases print blank: put a picture in their place while printing
  addEventListener("beforeprint", () => {
    for (const [viewer, , box] of viewers) {
      const image = new Image();
      image.src = viewer.pngURI();
      image.className = "printed";
      box.appendChild(image);
    }
  });
  addEventListener("afterprint", () => document.querySelectorAll("img.printed").forEach((i) => i.remove()));
})();

// A 3Dmol viewer of a pocket and the chosen pose of the chosen ligand, with tables to choose from.
(function () {
  const data = JSON.parse(document.getElementById("docked").textContent);
  const get = (id) => document.getElementById(id);
  const box = get("viewer"), menu = get("ligand");
  const POSE = "#0072b2", KNOWN = "#009e73", POCKET = "#c3c9d2";
  let ligand = 0, pose = 0, viewer = null, pocket = null, drawn = null;

  const canvas = document.createElement("canvas");
  try {
    if (!(canvas.getContext("webgl2") || canvas.getContext("webgl"))) throw new Error("no WebGL");
    $3Dmol.setSyncSurface(true); // workers are refused to pages that are files
    viewer = $3Dmol.createViewer(box, { backgroundColor: "white", antialias: true });
  } catch (error) {
    box.textContent = "This browser offers no WebGL, so the poses cannot be drawn.";
  }

  const colours = (carbon) => ({ prop: "elem", map: { ...$3Dmol.elementColors.Jmol, C: carbon } });

  function element(tag, text, kind) {
    const made = document.createElement(tag);
    made.textContent = text;
    if (kind) made.className = kind;
    return made;
  }

  function table() {
    const chosen = data.ligands[ligand];
    const head = element("tr", "");
    data.heads.forEach((text) => head.append(element("th", text, "n")));
    get("poses").tHead.replaceChildren(head);
    get("poses").tBodies[0].replaceChildren(...chosen.poses.map((one, k) => {
      const row = element("tr", "", k === pose ? "chosen" : "");
      row.tabIndex = 0;
      one.cells.forEach((text) => {
        row.append(element("td", text, "n " + ({ pass: "ok", fail: "off" }[text] || "")));
      });
      row.addEventListener("click", () => choose(ligand, k));
      row.addEventListener("keydown", (event) => {
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        choose(ligand, Math.min(Math.max(pose + step, 0), chosen.poses.length - 1));
        get("poses").tBodies[0].rows[pose].focus();
      });
      return row;
    }));
    const one = chosen.poses[pose], lines = [];
    if (one.failed.length) lines.push(["Fails", one.failed.join(", ").replaceAll("_", " ")]);
    if (one.contacts.length) lines.push(["Polar contacts (Å)", one.contacts.join("; ").replaceAll("...", "\u2009⋯\u2009")]);
    get("about").replaceChildren(...lines.map(([name, text]) => {
      const line = element("p", "");
      line.append(element("b", name + ": "), text);
      return line;
    }));
    document.querySelectorAll("#ranking tbody tr").forEach((row) => {
      row.classList.toggle("chosen", Number(row.dataset.ligand) === ligand);
    });
    if (menu) menu.value = ligand;
  }

  function near(model, atoms, reach) {
    const found = new Set();
    for (const atom of model.selectedAtoms({})) {
      if (atoms.some((a) => (a.x - atom.x) ** 2 + (a.y - atom.y) ** 2 + (a.z - atom.z) ** 2 < reach * reach)) {
        found.add(atom.chain + ":" + atom.resi + ":" + atom.icode);
      }
    }
    return found;
  }

  function draw(moved) {
    if (!viewer) return;
    const chosen = data.ligands[ligand];
    viewer.removeAllModels(); viewer.removeAllSurfaces(); viewer.removeAllLabels(); viewer.removeAllShapes();
    pocket = viewer.addModel(data.pockets[chosen.receptor], "pdb");
    const own = viewer.addModel(chosen.poses[pose].block, "sdf");
    const atoms = own.selectedAtoms({}), close = near(pocket, atoms, 5);
    const inside = (atom) => close.has(atom.chain + ":" + atom.resi + ":" + atom.icode);
    pocket.setStyle({}, {});
    if (get("ribbon").checked) pocket.setStyle({ hetflag: false }, { cartoon: { color: "#dfe3e9", opacity: 0.75 } });
    if (get("sticks").checked) {
      pocket.setStyle({ hetflag: false, predicate: inside }, { stick: { radius: 0.11, colorscheme: colours(POCKET) } }, true);
    }
    pocket.setStyle({ hetflag: true }, { stick: { radius: 0.14, colorscheme: colours("#8f7a5c") }, sphere: { scale: 0.25, colorscheme: colours("#8f7a5c") } });
    own.setStyle({}, { stick: { radius: 0.17, colorscheme: colours(POSE) }, sphere: { scale: 0.25, colorscheme: colours(POSE) } });
    if (get("others").checked) {
      chosen.poses.forEach((other, k) => {
        if (k !== pose) viewer.addModel(other.block, "sdf").setStyle({}, { stick: { radius: 0.04, color: "#7d93ad" } });
      });
    }
    if (data.reference && get("reference").checked) {
      viewer.addModel(data.reference, "sdf").setStyle({}, { stick: { radius: 0.09, colorscheme: colours(KNOWN) } });
    }
    for (const text of chosen.poses[pose].contacts) {
      const found = text.match(/^[A-Za-z]+(\d+)\.\.\.(.*):(-?\d+)([A-Za-z]?) \S+ (\S+) [\d.]+$/);
      if (!found) continue;
      const from = atoms[Number(found[1]) - 1];
      const to = pocket.selectedAtoms({ resi: Number(found[3]), atom: found[5] })
        .filter((a) => Math.hypot(a.x - from.x, a.y - from.y, a.z - from.z) < 3.6)[0];
      if (to) viewer.addCylinder({ start: from, end: to, radius: 0.05, dashed: true, dashLength: 0.2, gapLength: 0.15, color: "#c78a00", fromCap: 1, toCap: 1 });
    }
    if (get("surface").checked) {
      viewer.addSurface($3Dmol.SurfaceType.VDW, { opacity: 0.7, color: "#e8ebf0" }, { model: pocket, predicate: inside });
    }
    if (get("labels").checked) {
      const named = new Set();
      for (const atom of pocket.selectedAtoms({ predicate: inside })) {
        const key = atom.chain + ":" + atom.resi + ":" + atom.icode;
        if (named.has(key) || !(atom.atom === "CA" || atom.hetflag)) continue;
        named.add(key);
        viewer.addLabel(atom.resn + " " + atom.resi + (atom.icode || "").trim(), { position: atom, fontSize: 11, fontColor: "#1b2430", backgroundColor: "white", backgroundOpacity: 0.75, borderThickness: 0 });
      }
    }
    const scene = chosen.receptor;
    if (moved || drawn !== scene) { viewer.zoomTo({ model: own }); viewer.zoom(0.62); }
    drawn = scene;
    viewer.render();
  }

  function choose(newLigand, newPose) {
    const moved = newLigand !== ligand;
    ligand = newLigand; pose = newPose;
    table();
    draw(moved);
  }

  if (menu) {
    const several = Object.keys(data.pockets).length > 1;
    data.ligands.forEach((one, k) => {
      const option = element("option", several ? one.name + " in " + one.receptor : one.name);
      option.value = k;
      menu.append(option);
    });
    menu.addEventListener("change", () => choose(Number(menu.value), 0));
  }
  document.querySelectorAll("#ranking tbody tr").forEach((row) => {
    row.addEventListener("click", () => { choose(Number(row.dataset.ligand), 0); box.scrollIntoView({ block: "center" }); });
  });
  if (!data.reference) get("reference-label").remove();
  if (data.ligands.every((one) => one.poses.length < 2)) get("others").parentElement.remove();
  for (const id of ["sticks", "ribbon", "surface", "labels", "others", "reference"]) {
    if (get(id)) get(id).addEventListener("change", () => draw(false));
  }
  choose(0, 0);

  // WebGL canvases print blank: put a picture in their place while printing
  addEventListener("beforeprint", () => {
    if (!viewer) return;
    const image = new Image();
    image.src = viewer.pngURI();
    image.className = "printed";
    box.appendChild(image);
  });
  addEventListener("afterprint", () => document.querySelectorAll("img.printed").forEach((i) => i.remove()));
})();

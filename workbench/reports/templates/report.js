const shown = document.querySelector("dialog");
const enlarge = (picture) => {
  shown.firstElementChild.src = picture.src;
  shown.firstElementChild.alt = picture.alt;
  shown.showModal();
};
for (const picture of document.querySelectorAll("main img")) {
  picture.tabIndex = 0;
  picture.setAttribute("role", "button");
  picture.onclick = () => enlarge(picture);
  picture.onkeydown = (event) => { if (event.key === "Enter") enlarge(picture); };
}
shown.onclick = () => shown.close();
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
});

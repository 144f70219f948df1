// What static/chart.js takes of uPlot. Its style sheet comes along as text, as a module cannot bring one otherwise.
export { default as Plot } from "uplot";
export { default as css } from "uplot/dist/uPlot.min.css";

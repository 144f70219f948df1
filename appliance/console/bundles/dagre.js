// What static/graph.js takes of dagre: places for nodes and ways for edges.
export { Graph, layout } from "@dagrejs/dagre";

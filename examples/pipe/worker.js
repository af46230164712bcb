// A worker in Node: cargo dyno pipe -R 1k -w 2 --ipc -- node examples/pipe/worker.js
process.on('message', ({ name, cycle }) => {
  if (name === 'cycle:start') process.send({ name: 'cycle:completed', cycle })
  if (name === 'process:disconnect') process.exit(0)
})

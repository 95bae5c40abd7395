// What the rig gives a driver: where the model answers, how the server is started, and what to ask.
export const { model, command, arguments: args, environment, prompt } = JSON.parse(process.env.HOST_RUN);
export const env = { PATH: process.env.PATH, ...environment };
export const steps = 60;

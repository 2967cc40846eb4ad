// The jobs, share and subscription calls of @tapis/tapis-typescript-jobs, as its user writes them.
// node drive_typescript.js URL TOKEN OTHER, in a folder that has it; the last line says how many.
const { JobsApi, ShareApi, SubscriptionsApi, HealthApi, Configuration } =
  require(require.resolve('@tapis/tapis-typescript-jobs', { paths: [process.cwd()] }));
const assert = require('assert');

const [URL, TOKEN, OTHER] = process.argv.slice(2);
const configuration = new Configuration({ basePath: URL, headers: { 'X-Tapis-Token': TOKEN } });
const jobs = new JobsApi(configuration), share = new ShareApi(configuration);
const subscriptions = new SubscriptionsApi(configuration), health = new HealthApi(configuration);
const done = [];
const passed = (name) => { done.push(name); console.log('PASS', name); };
const ended = async (jobUuid) => {
  for (let turn = 0; turn < 300; turn++) {
    const { status } = (await jobs.getJobStatus({ jobUuid })).result;
    if (['FINISHED', 'FAILED', 'CANCELLED'].includes(status)) return status;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('it has not ended');
};

(async () => {
  await health.checkHealth(); passed('checkHealth');
  const made = (await jobs.submitJob({ reqSubmitJob: {
    name: 'with typescript', appId: 'demo', appVersion: '1.0', archiveSystemId: 'archive',
    tags: ['ts'], parameterSet: { envVariables: [{ key: 'WHO', value: 'ts' }] } } })).result;
  assert.equal(made.status, 'PENDING'); passed('submitJob');
  const jobUuid = made.uuid;
  assert.equal(await ended(jobUuid), 'FINISHED'); passed('getJobStatus');
  assert.deepEqual((await jobs.getJob({ jobUuid })).result.tags, ['ts']); passed('getJob');
  assert((await jobs.getJobHistory({ jobUuid })).result.length > 5); passed('getJobHistory');
  const listed = await jobs.getJobList({ limit: 5, orderBy: 'created(desc)', computeTotal: true });
  assert.equal(listed.result[0].uuid, jobUuid); passed('getJobList');
  assert((await jobs.getJobSearchList({ limit: 5 })).result.length); passed('getJobSearchList');
  const posted = await jobs.getJobSearchListByPostSqlStr({ body: { search: ["(tags IN ('ts'))"] } });
  assert.equal(posted.result.length, 1); passed('getJobSearchListByPostSqlStr');
  const files = (await jobs.getJobOutputList({ jobUuid, outputPath: '/' })).result;
  assert(files.some((one) => one.name === 'tapisjob.out')); passed('getJobOutputList');
  const deep = (await jobs.getJobOutputList({ jobUuid, outputPath: 'sub/x.txt', limit: 1 })).result;
  assert.equal(deep[0].size, 2); passed('getJobOutputList of an encoded path');
  await jobs.getJobOutputDownload({ jobUuid, outputPath: 'tapisjob.out' });
  passed('getJobOutputDownload');
  const stored = (await jobs.getResubmitRequestJson({ jobUuid })).result;
  assert(stored); passed('getResubmitRequestJson');
  const again = (await jobs.resubmitJob({ jobUuid })).result;
  assert.notEqual(again.uuid, jobUuid); passed('resubmitJob');
  await share.shareJob({ jobUuid, reqShareJob: {
    grantee: OTHER, jobResource: ['JOB_OUTPUT'], jobPermission: 'READ' } }); passed('shareJob');
  assert.equal((await share.getJobShare({ jobUuid })).result[0].grantee, OTHER);
  passed('getJobShare');
  await share.deleteJobShare({ jobUuid, user: OTHER });
  assert.equal((await share.getJobShare({ jobUuid })).result.length, 0); passed('deleteJobShare');
  const slow = (await jobs.submitJob({ reqSubmitJob: {
    name: 'slow', appId: 'slow', appVersion: '1.0' } })).result.uuid;
  await jobs.sendEvent({ jobUuid: slow, reqUserEvent: { eventData: 'half' } }); passed('sendEvent');
  assert.equal((await subscriptions.getSubscriptions({ jobUuid: slow })).result.length, 0);
  passed('getSubscriptions');
  await jobs.cancelJob({ jobUuid: slow, body: {} });
  assert.equal(await ended(slow), 'CANCELLED'); passed('cancelJob');
  await jobs.hideJob({ jobUuid: slow, body: {} }); passed('hideJob');
  await jobs.unhideJob({ jobUuid: slow, body: {} }); passed('unhideJob');
  console.log(`${done.length} calls PASS`);
})().catch(async (error) => {
  console.log('FAILED after', done.at(-1), error, error.text ? await error.text() : '');
  process.exit(1);
});

/** @file Answers about tasks that are learnt together. */
import type { JOINT_REQUESTS } from '../../contract/studio/joint.ts';
import type { Handlers } from './handlers.ts';

export const jointHandlers: Handlers<keyof typeof JOINT_REQUESTS> = {
  'joint.list': ({ session }) => session.joint.list(),
  'joint.show': ({ session }, { jointId }) => session.joint.show(jointId),
  'joint.start': ({ session }, { name, taskIds, config }) => session.joint.start(name, taskIds.map((id) => session.taskToLearn(id).id), config),
  'joint.resume': ({ session }, { jointId }) => session.joint.resume(jointId),
  'joint.pause': ({ session }, { jointId }) => session.joint.pause(jointId),
  'joint.continue': ({ session }, { jointId }) => session.joint.continue(jointId),
  'joint.stop': ({ session }, { jointId }) => session.joint.stop(jointId),
};

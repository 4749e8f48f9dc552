"""Approving a branch: somebody's consent that its head is published, kept where nobody can change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lagoa.domain.approvals import Approval
from lagoa.errors import ApprovalOutdated, SignInFailed
from lagoa.publish.work import head_of

if TYPE_CHECKING:
    from pydantic import SecretStr

    from lagoa.context import LakeContext


def approve(context: LakeContext, branch: str, commit: str, message: str, token: SecretStr | None) -> Approval:
    """Keep that somebody approves the head of a branch.

    Where people sign in, the name is the one that the sign-in server has for the token. Else it is the setting
    `author`, which proves nothing: the approval is not enforced.

    Args:
        context: the lake.
        branch: the work branch.
        commit: id of its head, as it was looked at.
        message: what they say of it.
        token: what proves who they are; None where nobody signs in.

    Raises:
        ApprovalOutdated: the branch has another head.
        SignInFailed: the token proves nothing.
        RefNotFound, RefProtected: no such branch; main, a tag or a candidate.
    """
    head = head_of(context, branch)
    if head != commit:
        raise ApprovalOutdated(branch, commit, head)
    by = context.settings.author
    if context.people is not None:
        if token is None:
            raise SignInFailed("The publisher", "Nobody has signed in")
        by = context.people.who(token)
    approval = Approval(branch, head, by, context.clock(), message, enforced=context.settings.proves_approvals)
    context.receipts.approve(approval)
    return approval

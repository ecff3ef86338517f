from django import forms

from subscriptions.models import CancellationFeedback
from subscriptions.serializers.lifecycle import MAX_COMMENT


class CancelForm(forms.Form):
    feedback = forms.ChoiceField(
        label="Why are you leaving?",
        choices=CancellationFeedback.choices,
        required=False,
        widget=forms.RadioSelect,
    )
    comment = forms.CharField(
        label="Anything you would like to add",
        required=False,
        max_length=MAX_COMMENT,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

"""Question 4: content moderation at one million posts per minute: rules, models, a judge, people, and their record."""
